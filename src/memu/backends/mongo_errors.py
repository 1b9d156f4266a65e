"""What the errors of MongoDB's driver mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from memu import errors
from memu.backends.dialects import BUSY_SECONDS, MADE, Fault
from memu.backends.mongo_address import Address
from memu.backends.server import ASK

LONGEST = 300
"""Characters of the driver's words that an error repeats: it describes the whole replica set each time."""

SIZE = "MongoDB keeps up to 16 MB in one document"
REFUSED = (11, 18, 8000)
FORBIDDEN = (13, 10107)
TOO_LATE = (50, 202, 262)
TOO_LONG = (10334, 17419, 17420)
FULL = (14031,)
MISSING = (26,)


@contextmanager
def translated(address: Address) -> Iterator[None]:
    """Turn the driver's errors inside the block into errors of ours; the driver's error stays as the cause."""
    from bson.errors import BSONError
    from pymongo.errors import PyMongoError

    try:
        yield
    except PyMongoError as error:
        make, text = fault_of(error, address)
        raise make(f"{text} Nothing of the call was kept.") from error
    except (BSONError, UnicodeEncodeError, OverflowError) as error:
        fault = f"a value cannot be stored ({words(error)}): expected plain text, 64-bit numbers."
        raise errors.InputError(fault) from None


def fault_of(error: Exception, address: Address) -> Fault:
    """The error of ours for one of the driver's, and what it says."""
    from pymongo import errors as driver

    place, said = address.place, words(error)
    if isinstance(error, driver.OperationFailure):
        return _refusal(error, address)
    if isinstance(error, driver.NetworkTimeout) and " timeoutMS:" in str(error):
        return errors.StorageBusy, f"{place}: {said}; see statement_timeout."
    closed = "the store was closed: make a new service or database handle."
    faults: list[tuple[Any, Fault]] = [
        (driver.DocumentTooLarge, (errors.InputError, f"a row is too long for {place} ({said}): {SIZE}.")),
        (
            driver.WaitQueueTimeoutError,
            (errors.StorageBusy, f"all connections to {place} are in use: repeat the call, or raise pool_size."),
        ),
        (
            (driver.ConnectionFailure, driver.ConfigurationError),
            (errors.StorageUnavailable, f"{place} cannot be reached: {said}. {ASK}"),
        ),
        (driver.InvalidOperation, (errors.ClosedError, closed)),
    ]
    other: Fault = (errors.StorageError, f"{place} refused the statement: {said}.")
    return next((fault for kinds, fault in faults if isinstance(error, kinds)), other)


def _refusal(error: Exception, address: Address) -> Fault:
    """The fault of a command that the server answered with an error, by its number."""
    from pymongo.errors import BulkWriteError, OperationFailure

    code = error.code if isinstance(error, OperationFailure) else None
    if isinstance(error, BulkWriteError):
        code = next((one["code"] for one in error.details.get("writeErrors", ())), code)
    place, said = address.place, words(error)
    faults: dict[tuple[int, ...], Fault] = {
        REFUSED: (
            errors.StorageUnavailable,
            f"{place} refused the user {address.user!r}: check the name and the password.",
        ),
        FORBIDDEN: (errors.StorageReadOnly, f"{place} does not let {address.user!r} do this: {said}."),
        TOO_LATE: (errors.StorageBusy, f"{place}: {said}; see statement_timeout."),
        TOO_LONG: (errors.InputError, f"a row is too long for {place}: {SIZE}."),
        FULL: (errors.StorageFull, f"{place}: the server could not write: {said}. Is its disk full?"),
        MISSING: (
            errors.SchemaError,
            f"{place}: {said}; {MADE}",
        ),
    }
    other: Fault = (errors.StorageError, f"{place} refused the statement: {said}.")
    return next((fault for codes, fault in faults.items() if code in codes), other)


def words(error: Exception) -> str:
    """The driver's own words, without the description of the servers that it knows."""
    text = str(error).partition(", Timeout: ")[0].partition(", full error: ")[0]
    return " ".join(text.split())[:LONGEST].rstrip(".") or type(error).__name__


def busy(address: Address) -> errors.StorageBusy:
    """The error of a writer that waited in vain."""
    return errors.StorageBusy(
        f"{address.place} is locked by another writer for over {BUSY_SECONDS:.0f} s. Nothing of the call was kept."
    )


def lost(address: Address) -> errors.Deadlock:
    """The error of a writer whose lease ran out before its commit."""
    return errors.Deadlock(
        f"{address.place}: the lease of this writer ran out, and another one took its turn. Nothing of the call was "
        "kept."
    )


def unsure(address: Address, error: Exception) -> errors.StorageUnavailable:
    """The error of a connection that was lost at the commit, of which only the server knows what became."""
    return errors.StorageUnavailable(
        f"{address.place}: the connection was lost at the commit ({words(error)}). Whether the call was kept is not "
        "known: look, or repeat it."
    )
