"""The socket guard: in a Python process that starts with this folder on PYTHONPATH, only this machine can be reached.

Python runs a module of this name at its start, so child processes are guarded like their parents. An audit hook sees
every connection, datagram and name look-up that goes through Python's socket module, and cannot be taken out again.
What it refuses it also appends to the file that `MEMU_GUARD_LOG` names, so that a caller which swallows the error is
found out. Code in other languages that opens sockets of its own is not seen.
"""

import ipaddress
import os
import socket
import sys

ADDRESS_OF = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1}
HOST_OF = {"socket.getaddrinfo": 0, "socket.gethostbyname": 0, "socket.gethostbyaddr": 0}


class Refused(PermissionError):
    """A connection, a datagram or a name look-up that would leave this machine."""


def address_of(host: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is written as, in any of the forms that need no look-up ("127.1" too); else None."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host)
    try:
        return ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.ip_address(socket.inet_aton(name))
    except (OSError, ValueError):
        return None


def stays_here(host: object) -> bool:
    """Whether a host is this machine: a loopback address, `localhost`, or none at all."""
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    address = address_of(host)
    return address is not None and address.is_loopback


def guard(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse what would leave this machine."""
    if event in ADDRESS_OF:
        family, address = getattr(arguments[0], "family", None), arguments[ADDRESS_OF[event]]
        if family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple) and not stays_here(address[0]):
            refuse(event, address)
    elif event in HOST_OF:
        host = arguments[HOST_OF[event]]
        if not stays_here(host) and address_of(host) is None:
            refuse(event, host)


def refuse(event: str, target: object) -> None:
    """Record what was tried, and raise."""
    line = f"{event} {target!r} by {' '.join(getattr(sys, 'orig_argv', []))[:200]!r}\n"
    if log := os.environ.get("MEMU_GUARD_LOG"):
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(file, line.encode("utf-8", "backslashreplace"))
        os.close(file)
    raise Refused(f"the socket guard of the tests refused {event} to {target!r}: tests reach this machine only.")


sys.addaudithook(guard)
