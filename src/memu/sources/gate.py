"""The way out to the network: it connects to vetted addresses only, and never works past its deadline.

This module is imported when a URL is read for the first time.
"""

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore

from memu.errors import SourceError, SourceForbidden

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Endpoint = tuple[socket.AddressFamily, tuple[Any, ...]]

_TRANSLATED = tuple(ipaddress.IPv6Network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48"))


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet, and stands for no other address that is not."""
    ip: Address = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return is_public(str(ip.ipv4_mapped))
        # These carry an IPv4 address that a gateway would connect to in our name.
        if ip.sixtofour or ip.teredo or ip.is_site_local or any(ip in network for network in _TRANSLATED):
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback)


class Gate(httpcore.NetworkBackend):
    """Opens the connections of one download.

    Each connection resolves its host once and goes to the very address that was vetted, so a name that changes its
    answer in between gains nothing. The name itself still serves for the Host header and the certificate.
    """

    def __init__(self, deadline: float, *, allow_private: bool) -> None:
        """Take the deadline, in seconds of `time.monotonic`, and whether private addresses may be reached."""
        self._deadline = deadline
        self._allow_private = allow_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of `host` that answers.

        Raises:
            SourceForbidden: one of its addresses is not public.
            TimeoutError, OSError: the name does not resolve, or nothing answers.
        """
        failure: OSError = OSError("the name has no address")
        endpoints = self._vetted(host, port)
        for tried, (family, sockaddr) in enumerate(endpoints):
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                # One address that swallows everything must leave time for the others.
                connection.settimeout(remaining(self._deadline) / (len(endpoints) - tried))
                connection.connect(sockaddr)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                connection.close()
                failure = error
            else:
                return _Stream(connection, self._deadline)
        raise failure

    def _vetted(self, host: str, port: int) -> list[Endpoint]:
        endpoints = _resolve(host, port, self._deadline)
        if not self._allow_private and not all(is_public(str(sockaddr[0])) for _, sockaddr in endpoints):
            raise SourceForbidden(
                f"{host} is an address of this machine or a private network: only public ones are read, "
                "unless allow_private_urls is set."
            )
        return endpoints


class _Stream(httpcore.NetworkStream):
    """One connection; every wait on it ends at the deadline, however slowly the other side trickles."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._connection.settimeout(remaining(self._deadline))
        return self._connection.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._connection.settimeout(remaining(self._deadline))
        self._connection.sendall(buffer)

    def close(self) -> None:
        self._connection.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._connection.settimeout(remaining(self._deadline))
        try:
            return _Stream(ssl_context.wrap_socket(self._connection, server_hostname=server_hostname), self._deadline)
        except BaseException:
            self.close()
            raise


def remaining(deadline: float) -> float:
    """Seconds until the deadline.

    Raises:
        TimeoutError: there are none.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is up")
    return left


def _resolve(host: str, port: int, deadline: float) -> list[Endpoint]:
    # The system's resolver knows no deadline; it is left behind in its thread when it takes too long.
    answer: queue.SimpleQueue[list[Endpoint] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.put([(family, tuple(sockaddr)) for family, _, _, _, sockaddr in found])
        except (OSError, ValueError) as error:
            answer.put(error)

    threading.Thread(target=ask, name="memu-resolve", daemon=True).start()
    try:
        result = answer.get(timeout=remaining(deadline))
    except queue.Empty:
        raise TimeoutError("the name was not resolved in time") from None
    if isinstance(result, Exception):
        raise SourceError(f"the host name {host} does not resolve: check its spelling and the connection.")
    return result
