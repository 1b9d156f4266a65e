"""Packages that reading some formats needs, and what to install where they are not there."""

from collections.abc import Iterator
from contextlib import contextmanager

from memu.errors import MissingExtra


@contextmanager
def needs(package: str, extra: str, what: str) -> Iterator[None]:
    """Import a package inside of this block.

    Args:
        package: as it is installed.
        extra: the extra of memu that brings it.
        what: what cannot be read without.

    Raises:
        MissingExtra: it is not there.
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtra(
            f"{what} cannot be read without the package {package} ({error.name or error}): install it with "
            f"`pip install 'memu[{extra}]'`."
        ) from None
