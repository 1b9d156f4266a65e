"""Ends a process that opens a network socket, in any language: a filter in the kernel (Linux, x86-64 and arm64)."""

import ctypes
import platform
import socket
import struct

SOCKET_CALL = {"x86_64": 41, "aarch64": 198}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, KILL = 0x7FFF0000, 0x80000000
NUMBER_AT, FIRST_ARGUMENT_AT = 0, 16


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def supported() -> bool:
    """Whether this system has such filters, and its number of the call is known."""
    return platform.system() == "Linux" and platform.machine() in SOCKET_CALL


def forbid_network_sockets() -> None:
    """From here on this process, its threads and its children are killed by SIGSYS at `socket(AF_INET or AF_INET6)`."""
    steps = [
        (LOAD, 0, 0, NUMBER_AT),
        (IF_EQUAL, 0, 4, SOCKET_CALL[platform.machine()]),
        (LOAD, 0, 0, FIRST_ARGUMENT_AT),
        (IF_EQUAL, 1, 0, int(socket.AF_INET)),
        (IF_EQUAL, 0, 1, int(socket.AF_INET6)),
        (RETURN, 0, 0, KILL),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = Program(len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)
    for number, *arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program), 0, 0),
    ):
        if libc.prctl(number, *arguments):
            raise OSError(ctypes.get_errno(), "the kernel takes no filter")
