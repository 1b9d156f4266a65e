"""Pages are read within limits of size, time and address, and messages give no secrets away."""

import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from loopback import PUBLIC, Internet, WebServer

from memu.errors import SourceError, SourceForbidden, SourceInvalid, SourceNotFound, SourceTimeout
from memu.settings import BlobConfig
from memu.sources.gate import is_public
from memu.sources.web import fetch, shown

LIMITS = BlobConfig(timeout=20.0)


def test_a_page_comes_with_its_bytes_type_and_text(server: WebServer, private: BlobConfig) -> None:
    page = fetch(server.url("/page.md?type=text/markdown;%20charset=%22UTF-8%22&body=%23%20Gr%C3%BC%C3%9Fe"), private)
    assert (page.text, page.content_type, page.charset) == ("# Grüße", "text/markdown", "utf-8")
    assert page.data == "# Grüße".encode()


def test_the_charset_of_the_answer_is_respected(server: WebServer, private: BlobConfig) -> None:
    latin = fetch(server.url("/page?type=text/plain;charset=iso-8859-1&hex=e9"), private)
    assert latin.text == "é"
    unknown = fetch(server.url("/page?type=text/plain;charset=klingon&hex=e9"), private)
    with pytest.raises(SourceInvalid, match="klingon"):
        _ = unknown.text
    undeclared = fetch(server.url("/page?type=text/plain&hex=41e9"), private)
    with pytest.raises(SourceInvalid, match="byte offset 1"):
        _ = undeclared.text


@pytest.mark.parametrize("charset", ["punycode", "unicode_escape", "hex", "zlib", "idna"])
def test_a_charset_that_is_no_character_set_is_refused(server: WebServer, private: BlobConfig, charset: str) -> None:
    page = fetch(server.url(f"/page?type=text/plain;charset={charset}"), private)
    with pytest.raises(SourceInvalid, match=charset):
        _ = page.text


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, SourceNotFound), (410, SourceNotFound), (401, SourceForbidden), (403, SourceForbidden)]
    + [(status, SourceError) for status in (400, 429, 500, 503)],
)
def test_an_error_status_is_named(
    server: WebServer, private: BlobConfig, status: int, error: type[SourceError]
) -> None:
    with pytest.raises(error, match=str(status)) as raised:
        fetch(server.url(f"/page?status={status}&token=s3cret"), private)
    assert type(raised.value) is error
    assert "s3cret" not in str(raised.value)
    assert "/page" in str(raised.value)


def test_a_missing_page_is_a_missing_file(server: WebServer, private: BlobConfig) -> None:
    with pytest.raises(FileNotFoundError, match="404"):
        fetch(server.url("/none.txt"), private)


class TestSize:
    def test_a_stream_without_end_is_cut_off(self, server: WebServer) -> None:
        limits = BlobConfig(allow_private_urls=True, max_bytes=50_000)
        with pytest.raises(SourceError, match="more than 50,000 bytes"):
            fetch(server.url("/endless?token=s3cret"), limits)

    def test_a_length_that_is_too_large_is_refused_before_the_content(
        self, server: WebServer, private: BlobConfig
    ) -> None:
        with pytest.raises(SourceError, match="more than 50,000,000 bytes"):
            fetch(server.url("/huge"), private)

    def test_exactly_the_limit_is_read(self, server: WebServer) -> None:
        assert fetch(server.url("/page"), BlobConfig(allow_private_urls=True, max_bytes=6)).data == b"Hello."
        with pytest.raises(SourceError, match="more than 5 bytes"):
            fetch(server.url("/page"), BlobConfig(allow_private_urls=True, max_bytes=5))

    def test_less_than_was_announced_is_an_error(self, server: WebServer, private: BlobConfig) -> None:
        with pytest.raises(SourceError, match="broke off"):
            fetch(server.url("/short"), private)

    def test_more_than_was_announced_is_not_read(self, server: WebServer, private: BlobConfig) -> None:
        assert fetch(server.url("/long"), private).data == b"Hello."

    def test_nothing_at_all_is_an_error(self, server: WebServer, private: BlobConfig) -> None:
        with pytest.raises(SourceInvalid, match="without content"):
            fetch(server.url("/page?hex="), private)

    def test_a_packed_answer_is_not_unpacked(self, server: WebServer, private: BlobConfig) -> None:
        with pytest.raises(SourceError, match="compressed"):
            fetch(server.url("/packed"), private)
        assert server.seen[0][1]["Accept-Encoding"] == "identity"


class TestTime:
    @pytest.mark.parametrize("path", ["/stall", "/trickle", "/endless"])
    def test_the_limit_is_for_the_whole_download(self, server: WebServer, path: str) -> None:
        # Trickle and endless send something all the time: a limit for each read would never strike.
        with pytest.raises(SourceTimeout, match=r"0\.3 seconds") as raised:
            fetch(
                server.url(f"{path}?token=s3cret"), BlobConfig(allow_private_urls=True, timeout=0.3, max_bytes=10**12)
            )
        assert isinstance(raised.value, TimeoutError)
        assert "s3cret" not in str(raised.value)

    def test_a_name_that_is_never_resolved(self, monkeypatch: pytest.MonkeyPatch) -> None:
        released = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: released.wait(60) and [])
        with pytest.raises(SourceTimeout):
            fetch("http://slow.example/", BlobConfig(timeout=0.2))
        released.set()


class TestRedirects:
    def test_five_are_followed(self, server: WebServer, private: BlobConfig) -> None:
        page = fetch(server.url("/loop?left=5"), private)
        assert page.data == b"arrived"
        assert page.url == server.url("/loop?n=5&left=0")

    def test_a_sixth_is_not(self, server: WebServer, private: BlobConfig) -> None:
        with pytest.raises(SourceError, match="more than 5 times"):
            fetch(server.url("/loop?left=6"), private)
        assert len(server.seen) == 6

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_each_kind(self, server: WebServer, private: BlobConfig, status: int) -> None:
        assert fetch(server.url(f"/redirect?status={status}&to=/page"), private).data == b"Hello."

    @pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.com/x", "gopher://127.0.0.1/"])
    def test_only_to_the_web(self, server: WebServer, private: BlobConfig, target: str) -> None:
        with pytest.raises(SourceForbidden, match="http or https"):
            fetch(server.url(f"/redirect?to={target}"), private)

    def test_not_with_a_password(self, server: WebServer, private: BlobConfig) -> None:
        with pytest.raises(SourceForbidden, match="password") as raised:
            fetch(server.url("/redirect?to=http://me:s3cret@example.com/"), private)
        assert "s3cret" not in str(raised.value)

    def test_not_without_a_target(self, server: WebServer, private: BlobConfig) -> None:
        with pytest.raises(SourceError, match="302"):
            fetch(server.url("/nowhere"), private)

    def test_from_a_public_to_a_private_address(self, server: WebServer, internet: Internet) -> None:
        internet.host("public.example", PUBLIC)
        internet.host("127.0.0.1", "127.0.0.1")
        with pytest.raises(SourceForbidden, match=r"127\.0\.0\.1"):
            fetch(f"http://public.example:{server.port}/redirect?to={server.url('/page')}", LIMITS)
        assert [path.partition("?")[0] for path in server.paths()] == ["/redirect"]
        assert internet.connected == [PUBLIC]

    def test_to_a_public_name_with_a_private_address(self, server: WebServer, internet: Internet) -> None:
        internet.host("public.example", PUBLIC)
        internet.host("intranet.example", "10.0.0.7")
        with pytest.raises(SourceForbidden, match=r"intranet\.example"):
            fetch(f"http://public.example:{server.port}/redirect?to=http://intranet.example/", LIMITS)
        assert internet.connected == [PUBLIC]


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
            *("169.254.169.254", "100.64.0.1", "100.127.255.255", "224.0.0.1", "239.1.1.1", "240.0.0.1"),
            *("255.255.255.255", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.0.0.1"),
            *("::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "fec0::1", "2001:db8::1"),
            *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1"),
            *("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:4136:e378::1"),
        ],
    )
    def test_refused(self, address: str, internet: Internet) -> None:
        assert not is_public(address)
        internet.host("host.example", address)
        with pytest.raises(SourceForbidden, match="allow_private_urls"):
            fetch("http://host.example/", LIMITS)
        assert internet.connected == []

    @pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "::ffff:8.8.8.8", "2606:4700:4700::1111"])
    def test_public(self, address: str) -> None:
        assert is_public(address)

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]", "localhost"])
    def test_each_spelling_of_this_machine_is_refused(self, server: WebServer, host: str) -> None:
        with pytest.raises(SourceForbidden):
            fetch(f"http://{host}:{server.port}/page", LIMITS)
        assert server.seen == []

    def test_one_private_answer_among_public_ones_is_refused(self, internet: Internet) -> None:
        internet.host("mixed.example", [PUBLIC, "10.0.0.1"])
        with pytest.raises(SourceForbidden):
            fetch("http://mixed.example/", LIMITS)
        assert internet.connected == []

    def test_a_name_that_changes_its_answer_gains_nothing(self, server: WebServer, internet: Internet) -> None:
        internet.host("rebind.example", PUBLIC, "127.0.0.1")
        assert fetch(f"http://rebind.example:{server.port}/page", LIMITS).data == b"Hello."
        assert internet.asked == ["rebind.example"]
        assert internet.connected == [PUBLIC]
        with pytest.raises(SourceForbidden):
            fetch(f"http://rebind.example:{server.port}/page", LIMITS)
        assert len(server.seen) == 1

    def test_the_name_stays_in_the_host_header(self, server: WebServer, internet: Internet) -> None:
        internet.host("public.example", PUBLIC)
        fetch(f"http://public.example:{server.port}/page", LIMITS)
        assert server.seen[0][1]["Host"] == f"public.example:{server.port}"

    def test_the_next_address_is_tried_when_one_refuses(self, server: WebServer, internet: Internet) -> None:
        internet.host("two.example", ["127.0.0.2", "127.0.0.1"])
        page = fetch(f"http://two.example:{server.port}/page", BlobConfig(allow_private_urls=True))
        assert page.data == b"Hello."
        assert internet.connected == ["127.0.0.2", "127.0.0.1"]

    def test_an_unknown_name(self, internet: Internet) -> None:
        with pytest.raises(SourceError, match="does not resolve"):
            fetch("http://no-such-host.example/?token=s3cret", LIMITS)

    def test_nobody_listens(self, private: BlobConfig) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            with pytest.raises(SourceError, match="refused") as raised:
                fetch(f"http://127.0.0.1:{free.getsockname()[1]}/x?token=s3cret", private)
        assert "s3cret" not in str(raised.value)

    def test_no_proxy_of_the_environment_is_used(
        self, server: WebServer, private: BlobConfig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        assert fetch(server.url("/page"), private).data == b"Hello."


class TestUrls:
    @pytest.mark.parametrize(
        "url", ["ftp://example.com/x", "file:///etc/passwd", "javascript:alert(1)", "example.com/x"]
    )
    def test_only_http_and_https(self, url: str) -> None:
        with pytest.raises(SourceForbidden, match="http or https"):
            fetch(url, LIMITS)

    @pytest.mark.parametrize(
        "url", ["http://", "http:///path", "http://[::1", "http://exa mple.com:port/", "http://a:99999/"]
    )
    def test_malformed(self, url: str) -> None:
        with pytest.raises(SourceInvalid, match="expected https://host/path"):
            fetch(url, LIMITS)

    def test_a_password_is_refused_and_not_shown(self) -> None:
        with pytest.raises(SourceForbidden, match=r"https://example\.com/x") as raised:
            fetch("https://me:s3cret@example.com/x?token=s3cret", LIMITS)
        assert "s3cret" not in str(raised.value)
        assert "me" not in str(raised.value).split("was given")[0].replace("example", "")

    def test_what_is_shown(self) -> None:
        assert shown("https://u:p@Example.com:8443/a/b?key=1#part") == "https://example.com:8443/a/b"
        assert shown("http://[::1") == "the URL"

    def test_an_answer_that_is_not_http(self, server: WebServer, private: BlobConfig) -> None:
        with pytest.raises(SourceError, match="not HTTP"):
            fetch(server.url("/garbage"), private)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl, which makes the certificate, is not installed")
class TestTls:
    @pytest.fixture
    def secure(self, server: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WebServer:
        key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=memory"]
        command += ["-addext", "subjectAltName=DNS:memory.example", "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        return server

    def test_the_certificate_is_checked_against_the_name(self, secure: WebServer, internet: Internet) -> None:
        internet.host("memory.example", PUBLIC)
        internet.host("other.example", PUBLIC)
        assert fetch(f"https://memory.example:{secure.port}/page", LIMITS).data == b"Hello."
        with pytest.raises(SourceError, match="certificate is not valid") as raised:
            fetch(f"https://other.example:{secure.port}/page?token=s3cret", LIMITS)
        assert "s3cret" not in str(raised.value)
        assert len(secure.seen) == 1

    def test_an_unknown_certificate_is_refused(
        self, secure: WebServer, internet: Internet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        internet.host("memory.example", PUBLIC)
        with pytest.raises(SourceError, match="certificate is not valid"):
            fetch(f"https://memory.example:{secure.port}/page", LIMITS)
