"""Pages of the web, fetched within limits of size, time and address."""

import time
from typing import TYPE_CHECKING, NamedTuple

from memu.errors import SourceError, SourceForbidden, SourceInvalid, SourceNotFound, SourceTimeout
from memu.settings import BlobConfig
from memu.sources.text import decode

if TYPE_CHECKING:
    import httpcore
    import httpx

_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = (
    ("User-Agent", "memu"),
    ("Accept", "text/markdown, text/plain, application/json, */*;q=0.5"),
    # Unpacked data could be a thousand times the bytes that were counted.
    ("Accept-Encoding", "identity"),
)


class Page(NamedTuple):
    """An answer: the address it came from in the end, its bytes, and its type and charset in lower case, or ""."""

    url: str
    data: bytes
    content_type: str
    charset: str

    @property
    def text(self) -> str:
        """The page as text; see `decode` for the errors."""
        return decode(self.data, shown(self.url), self.charset or None)


def fetch(url: str, limits: BlobConfig) -> Page:
    """Fetch a page; at most `limits.max_bytes`, in at most `limits.timeout` seconds from the call to the last byte.

    Redirects are followed up to five times, and each target is checked like the first. No proxy is used. Messages
    never show the query of a URL, which may hold secrets.

    Raises:
        SourceForbidden: not http or https, a user name in the URL, a private address, or an answer 401 or 403.
        SourceNotFound: an answer 404 or 410.
        SourceTimeout: the time is up.
        SourceInvalid: no URL at all, or an answer without content.
        SourceError: any other status from 400 on, too many bytes or redirects, or the connection failed.
    """
    import httpcore

    from memu.sources.gate import Gate

    target = _checked(url)
    gate = Gate(time.monotonic() + limits.timeout, allow_private=limits.allow_private_urls)
    try:
        with httpcore.ConnectionPool(network_backend=gate, max_connections=1) as pool:
            for _ in range(_MAX_REDIRECTS + 1):
                with pool.stream("GET", _address(target), headers=_headers(target)) as answer:
                    if answer.status in _REDIRECTS:
                        target = _next(target, answer)
                        continue
                    return _page(target, answer, limits)
    except SourceError:
        raise
    except TimeoutError:
        raise SourceTimeout(
            f"{shown(target)} was not read in {limits.timeout:g} seconds: try again, or raise timeout."
        ) from None
    except (OSError, httpcore.ProtocolError, httpcore.NetworkError) as fault:
        raise SourceError(f"{shown(target)} could not be read: {_reason(fault)}.") from None
    raise SourceError(f"{shown(url)} redirects more than {_MAX_REDIRECTS} times: give the final address.")


def shown(url: "str | httpx.URL") -> str:
    """A URL as messages may show it: without user name, query and fragment."""
    import httpx

    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return "the URL"
    return str(parts.copy_with(userinfo=b"", query=None, fragment=None))


def path_of(url: str) -> str:
    """The path of a URL that was fetched."""
    import httpx

    return httpx.URL(url).path


def _checked(url: "str | httpx.URL") -> "httpx.URL":
    import httpx

    try:
        target = httpx.URL(url)
    except httpx.InvalidURL:
        raise SourceInvalid("the URL is malformed: expected https://host/path.") from None
    if target.scheme not in ("http", "https"):
        raise SourceForbidden(f"URLs of the scheme {target.scheme!r} are not read: expected http or https.")
    if not target.host or not 0 < (target.port or 80) < 65536:
        raise SourceInvalid(f"{shown(target)} names no host, or no possible port: expected https://host/path.")
    if target.userinfo:
        raise SourceForbidden(f"{shown(target)} was given with a user name or password in it: leave them out.")
    return target


def _next(target: "httpx.URL", answer: "httpcore.Response") -> "httpx.URL":
    import httpx

    location = _header(answer, b"location")
    if not location:
        raise SourceError(f"{shown(target)} answered {answer.status} without saying where to go.")
    try:
        there = target.join(location)
    except httpx.InvalidURL:
        raise SourceInvalid(f"{shown(target)} redirects to a malformed address.") from None
    return _checked(there)


def _address(target: "httpx.URL") -> "httpcore.URL":
    import httpcore

    return httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)


def _headers(target: "httpx.URL") -> list[tuple[str, str]]:
    return [("Host", target.netloc.decode("ascii")), *_HEADERS]


def _page(target: "httpx.URL", answer: "httpcore.Response", limits: BlobConfig) -> Page:
    _check_status(target, answer.status)
    if _header(answer, b"content-encoding").lower() not in ("", "identity"):
        raise SourceError(f"{shown(target)} sent a compressed answer, which was not asked for: it is not unpacked.")
    length = _header(answer, b"content-length")
    data = bytearray()
    too_large = length.isdecimal() and int(length[:20]) > limits.max_bytes
    for chunk in () if too_large else answer.iter_stream():
        data += chunk
        if too_large := len(data) > limits.max_bytes:
            break
    if too_large:
        raise SourceError(f"{shown(target)} has more than {limits.max_bytes:,} bytes: raise max_bytes to read it.")
    if not data:
        raise SourceInvalid(f"{shown(target)} answered {answer.status} without content: expected text.")
    kind, _, rest = _header(answer, b"content-type").partition(";")
    return Page(str(target), bytes(data), kind.strip().lower(), _charset(rest))


def _check_status(target: "httpx.URL", status: int) -> None:
    if status < 300:
        return
    message = f"{shown(target)} answered {status}: expected 200."
    if status in (404, 410):
        raise SourceNotFound(f"{message} There is no such page.")
    if status in (401, 403):
        raise SourceForbidden(f"{message} It is not open to everyone; download it and give the file.")
    raise SourceError(message)


def _header(answer: "httpcore.Response", name: bytes) -> str:
    return next((value.decode("latin-1").strip() for key, value in answer.headers if key.lower() == name), "")


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'").lower()
    return ""


def _reason(fault: Exception) -> str:
    """What went wrong, in words that cannot hold the URL."""
    import ssl

    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({fault.verify_message})"
    if isinstance(fault, ssl.SSLError):
        return "the secure connection failed"
    if isinstance(fault, OSError):
        return (fault.strerror or str(fault)).lower()
    return "the answer broke off or is not HTTP"
