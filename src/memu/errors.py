"""The error tree: every class is a `MemuError` and also the builtin that a caller would catch.

MemuError
├── ConfigError (ValueError)              settings that contradict each other or name nothing
│   └── EmbedderMismatch                  the store was filled by another embedder
├── InputError (ValueError)               an argument that cannot be meant
│   ├── InputTypeError (TypeError)        an argument of another type
│   ├── FilterError                       an unknown filter field or operator
│   ├── VectorError                       a vector that is NaN, infinite, empty, zero or of another dimension
│   └── ScopeError (PermissionError)      another user's or agent's memory was asked for
├── NotFoundError (KeyError, ValueError)  an id that this scope does not hold
├── SourceError (OSError)                 a file or URL that cannot be read
│   ├── SourceNotFound (FileNotFoundError)
│   ├── SourceIsDirectory (IsADirectoryError)
│   ├── SourceForbidden (PermissionError)
│   ├── SourceTimeout (TimeoutError)
│   └── SourceInvalid (ValueError)        its content is not what the modality promises
├── StorageError (RuntimeError)           the store failed
│   ├── StorageUnavailable (ConnectionError)
│   ├── StorageBusy (TimeoutError)        a lock was not to be had in time
│   │   └── Deadlock                      the server broke off the transaction, so that others could go on
│   ├── StorageReadOnly (PermissionError)
│   ├── StorageFull (OSError)
│   ├── StorageCorrupt
│   ├── SchemaError (ValueError)          tables are missing, different, or of a newer version
│   ├── IntegrityError (ValueError)       a row that breaks a key
│   └── VerificationError                 a transferred copy is not what was sent
├── ConflictError (RuntimeError)          others changed the same memory again and again
│   └── UndoError                         an operation that cannot be undone (any more)
├── ModelError (RuntimeError)             weights that are wrong, or a model runtime that fails
│   ├── ModelUnavailable (ConnectionError)  an endpoint that is down, overloaded or cannot be reached
│   ├── ModelTimeout (TimeoutError)       an endpoint that did not answer in time
│   ├── ModelKeyMissing (PermissionError) an endpoint that needs a key, and none is configured
│   ├── ModelForbidden (PermissionError)  an endpoint that refused the key
│   ├── ModelRefused (ValueError)         a request that the endpoint, or an answer that the model refused
│   ├── ModelAnswerInvalid (ValueError)   an answer that is empty, or not of the form that was asked for
│   │   └── ModelAnswerCut                an answer that ended at its greatest length
│   ├── BudgetExceeded                    no call or token is left of what one call of the service may use
│   └── InterceptorError                  a hook of the user's own that raised
├── MissingExtra (ImportError)            an optional package is not installed
└── ClosedError (RuntimeError)            the handle was closed
"""


class MemuError(Exception):
    """Root of every error this library raises on purpose."""

    def __str__(self) -> str:
        # KeyError would print the repr of its message, OSError would read it as an errno.
        return " ".join(str(part) for part in self.args)


class ConfigError(MemuError, ValueError):
    """Settings contradict each other, or name something that does not exist."""


class EmbedderMismatch(ConfigError):
    """The store's vectors were made by another embedder than the one that is configured."""


class InputError(MemuError, ValueError):
    """An argument is not something the call can work with."""


class InputTypeError(InputError, TypeError):
    """An argument is of a type that the call cannot work with."""


class FilterError(InputError):
    """A filter names an unknown field or operator, or a value of the wrong type."""


class VectorError(InputError):
    """A vector is NaN, infinite, empty, zero, or of another dimension than the store's."""


class ScopeError(InputError, PermissionError):
    """A call asked for the memory of another user or agent, or named none."""


class NotFoundError(MemuError, KeyError, ValueError):
    """This scope holds no record of that id."""


class SourceError(MemuError, OSError):
    """A file or URL cannot be read."""


class SourceNotFound(SourceError, FileNotFoundError):
    """There is no such file, or the server answered that there is none."""


class SourceIsDirectory(SourceError, IsADirectoryError):
    """The path names a directory where a file is needed."""


class SourceForbidden(SourceError, PermissionError):
    """The path or address may not be read, by permission or by the settings."""


class SourceTimeout(SourceError, TimeoutError):
    """The address did not answer, or not completely, within the limit."""


class SourceInvalid(SourceError, ValueError):
    """The content is not what its modality promises: malformed JSON, invalid UTF-8, nothing at all."""


class StorageError(MemuError, RuntimeError):
    """The store failed; a transaction that it failed in kept nothing."""


class StorageUnavailable(StorageError, ConnectionError):
    """The database cannot be reached or opened."""


class StorageBusy(StorageError, TimeoutError):
    """Another process held the database longer than the configured wait."""


class Deadlock(StorageBusy):
    """The server broke off the transaction so that others could go on; calls are repeated before this is raised."""


class StorageReadOnly(StorageError, PermissionError):
    """The database file or its folder cannot be written."""


class StorageFull(StorageError, OSError):
    """The disk is full, or a file limit was reached."""


class StorageCorrupt(StorageError):
    """The file is not a database, or is damaged."""


class SchemaError(StorageError, ValueError):
    """Tables are missing, different from what is expected, or made by a newer version."""


class IntegrityError(StorageError, ValueError):
    """A row breaks a unique key or names a row that does not exist."""


class VerificationError(StorageError):
    """A transferred copy is not what was sent; `table` and `owner` say which part of it."""

    def __init__(self, message: str, *, table: str, owner: dict[str, str]) -> None:
        super().__init__(message)
        self.table = table
        self.owner = owner


class ConflictError(MemuError, RuntimeError):
    """Others changed the same memory again and again while the call was working; repeat it."""


class UndoError(ConflictError):
    """An operation cannot be undone; `operations` are the ids of the later ones that stand in the way."""

    def __init__(self, message: str, *, operations: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.operations = operations


class ModelError(MemuError, RuntimeError):
    """Model weights are wrong, or the model runtime failed."""


class ModelUnavailable(ModelError, ConnectionError):
    """A language model's endpoint is down, overloaded or cannot be reached, after all attempts."""


class ModelTimeout(ModelError, TimeoutError):
    """A language model's endpoint did not answer within the configured time."""


class ModelKeyMissing(ModelError, PermissionError):
    """The endpoint needs a key, and neither the settings nor the environment hold one."""


class ModelForbidden(ModelError, PermissionError):
    """The endpoint refused the key, or what the key may do."""


class ModelRefused(ModelError, ValueError):
    """The endpoint refused the request (`status` is its HTTP status), or the model refused to answer (None).

    `about` says what it refused, where that is plain: the "form" of the answer that was asked for, the "model", the
    "address" or the "account".
    """

    def __init__(self, message: str, status: int | None = None, about: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.about = about


class ModelAnswerInvalid(ModelError, ValueError):
    """An answer is cut off, empty, or not of the form that was asked for, also after it was asked to mend it."""


class ModelAnswerCut(ModelAnswerInvalid):
    """An answer ended at its greatest length, or there was no room for the question: ask for less at once."""


class BudgetExceeded(ModelError):
    """No call or token is left of what one call of the service may use."""


class InterceptorError(ModelError):
    """A hook around model calls raised; its own error is the cause."""


class MissingExtra(MemuError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""


class ClosedError(MemuError, RuntimeError):
    """The service or store was closed before this call."""
