"""type=http and type=tcp against peers that are slow, wrong, endless or gone: what is said of them, and in what time."""
import gzip
import socket
import struct
import threading

import pytest

from harness.probing import probe_once

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD = b"HTTP/1.1 200 OK\r\n"


class Peer:
    """A server on loopback: reads what asks up to an empty line, then talk(connection) has it, and it is closed."""

    def __init__(self, talk, reads=True, family=socket.AF_INET):
        host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self.talk, self.reads, self.requests = talk, reads, []
        self.end = threading.Event()
        self.socket = socket.create_server((host, 0), family=family)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                one, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(one,), daemon=True).start()

    def _talk(self, one):
        with one:
            try:
                asked = b""
                while self.reads and b"\r\n\r\n" not in asked:
                    more = one.recv(65536)
                    if not more:
                        return
                    asked += more
                self.requests.append(asked)
                self.talk(self, one)
            except OSError:
                pass


@pytest.fixture
def peer():
    peers = []

    def start(talk, **kw):
        peers.append(Peer(talk, **kw))
        return peers[-1]

    yield start
    for one in peers:
        one.end.set()
        one.socket.close()


def says(data):
    return lambda p, one: one.sendall(data)


def endlessly(first, more):
    def talk(_, one):
        one.sendall(first)
        while True:
            one.sendall(more)
    return talk


def drips(data, every):
    def talk(p, one):
        for byte in data:
            one.sendall(bytes([byte]))
            if p.end.wait(every):
                return
    return talk


def resets(data):
    def talk(_, one):
        one.sendall(data)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return talk


def half_closes(p, one):
    one.shutdown(socket.SHUT_WR)
    p.end.wait(10)


def moved(to):
    return says(b"HTTP/1.1 302 Found\r\nLocation: " + to + b"\r\nContent-Length: 0\r\n\r\n")


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
WEB = [
    ("slow headers", drips(OK, 0.3), "read_timeout", " ms, waiting for the first byte)"),
    ("a body without end", endlessly(HEAD + b"\r\n", b"x" * 65536), None, "status 200"),
    ("a bomb", says(HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(100_000_000), 1)), None, "status 200"),
    ("a chunk that has no size", says(CHUNKED + b"zz\r\nhello\r\n"), "header", "answered with something malformed"),
    ("a chunk of 2^72 bytes", says(CHUNKED + b"ffffffffffffffffff\r\nhello\r\n"), "header", "malformed"),
    ("headers without end", endlessly(HEAD, b"X: " + b"y" * 1000 + b"\r\n"), "header", "malformed"),
    ("a header without end", endlessly(HEAD + b"X: ", b"y" * 65536), "header", "a header without end"),
    ("only 100 Continue", endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "header", "malformed"),
    ("no HTTP", says(b"hello there\n"), "header", "something that is not HTTP"),
    ("a status in no digits", says(b"HTTP/1.1 \xff\xfe OK\r\n\r\n"), "header", "something that is not HTTP"),
    ("a negative length", says(HEAD + b"Content-Length: -5\r\n\r\nabc"), "header", "malformed"),
    ("a NUL in a header", says(HEAD + b"X: a\0b\r\nContent-Length: 2\r\n\r\nok"), "header", "malformed"),
    ("less than announced", says(HEAD + b"Content-Length: 200\r\n\r\nabc"), "closed", "before the end of the body"),
    ("a reset", resets(HEAD + b"Content-Length: 20\r\n\r\nabc"), "closed", "broke before the end of the answer"),
    ("half closed", half_closes, "closed", "closed the connection without an answer"),
    ("redirects without end", moved(b"/again"), "status", "more than 10 redirects"),
    ("a redirect to a file", moved(b"file:///etc/passwd"), "status", "file:// is not among http https"),
    ("a redirect to nowhere", moved(b""), "status", ""),
    ("a redirect to garbage", moved(b"http://[::1\xff/ a b"), "status", "without a place to go to"),
    ("a name of 60000 bytes", moved(b"http://" + b"a" * 60000 + b"/"), "dns", "too long"),
]


@pytest.mark.parametrize("talk,reason,words", [row[1:] for row in WEB], ids=[row[0] for row in WEB])
def test_web_servers(tmp_path, peer, talk, reason, words):
    port = peer(talk).port
    v = probe_once(tmp_path, {"p": {"type": "http", "url": f"http://127.0.0.1:{port}/x", "timeout": "1s",
                                    "body_regex": "\\A|z"}})[0]
    assert v["status"] == ("fail" if reason else "ok") and v["reason"] == (reason or "none"), v
    assert words in v["detail"] and v["total_ns"] < 5e9, v


def test_bytes_that_are_no_text_are_matched(tmp_path, peer):
    port = peer(says(HEAD + b"Content-Length: 9\r\n\r\n\xff\xfea\0b\xc3end")).port
    v = probe_once(tmp_path, {"p": {"type": "http", "url": f"http://127.0.0.1:{port}/", "body_regex": "a\\0b", "timeout": "2s"},
                              "q": {"type": "http", "url": f"http://127.0.0.1:{port}/", "body_regex": "b.end", "timeout": "2s"}})
    assert [x["status"] for x in v] == ["ok", "fail"] and v[1]["reason"] == "body", v


def test_the_environments_proxy_is_not_asked(tmp_path, peer, monkeypatch):
    port = peer(says(OK)).port
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    v = probe_once(tmp_path, {"p": {"type": "http", "url": f"http://127.0.0.1:{port}/", "timeout": "2s"}})[0]
    assert v["status"] == "ok", v


def test_a_configured_proxy_is_asked_whatever_the_environment_says(tmp_path, peer, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    proxy = peer(says(OK))
    refusing = peer(says(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"))
    asked = {"type": "http", "url": "http://nowhere.invalid/", "timeout": "2s"}
    v = probe_once(tmp_path, {"p": {**asked, "proxy": f"http://127.0.0.1:{proxy.port}"},
                              "q": {**asked, "url": "https://nowhere.invalid/",
                                    "proxy": f"http://127.0.0.1:{refusing.port}"}})
    assert v[0]["status"] == "ok" and b"GET http://nowhere.invalid/" in proxy.requests[0], v
    assert v[1]["detail"] == "the proxy does not connect to nowhere.invalid:443: its status is 407", v


def test_only_ipv6(tmp_path, peer):
    port = peer(says(OK), family=socket.AF_INET6).port
    web = {"type": "http", "timeout": "2s"}
    v = probe_once(tmp_path, {
        "a": {**web, "url": f"http://[::1]:{port}/"}, "b": {**web, "url": f"http://[::1]:{port}/", "ip": "4"},
        "c": {"type": "tcp", "address": f"[::1]:{port}", "timeout": "2s"},
        "d": {**web, "url": f"http://127.0.0.1:{port}/"}})
    assert [x["status"] for x in v] == ["ok", "fail", "ok", "fail"], v
    assert (v[1]["reason"], v[3]["reason"]) == ("dns", "connect_refused")


def test_a_kept_connection_that_dies(tmp_path, peer):
    """It answers once on each connection and promises more: a new one has to be made without a failure."""
    port = peer(says(OK)).port
    v = probe_once(tmp_path, {"p": {"type": "http", "url": f"http://127.0.0.1:{port}/", "connection": "reuse",
                                    "timeout": "2s"}}, runs=4)
    assert [x["status"] for x in v] == ["ok"] * 4, v


BANNER = b"220-" + b"z" * 30000 + b"\r\n220 re" + b"ady for mail\r\n"
LINES = [
    ("split over packets", drips(b"+PO", 0.05), {"expect": "+PO"}, None, "answered as expected"),
    ("a large banner in pieces", lambda p, one: [one.sendall(BANNER[i:i + 999]) for i in range(0, len(BANNER), 999)],
     {"expect": "220 ready for"}, None, "answered as expected"),
    ("a flood", endlessly(b"", b"x" * 65536), {"expect": "ready"}, "body", "not found in the first 65536 bytes"),
    ("a flood that is costly", endlessly(b"", b"1234567" * 9000), {"expect_regex": "\\w+\\w+\\s$"}, "body", "too costly"),
    ("an end in the middle", says(b"+PO"), {"expect": "+PONG"}, "body", "closed the connection after 3 bytes"),
    ("nothing", half_closes, {"expect": "+PONG"}, "closed", "closed the connection after 0 bytes"),
    ("silence", lambda p, one: p.end.wait(10), {"expect": "+PONG"}, "read_timeout", "waiting for the first byte"),
    ("bytes that are no text", says(b"\xff\0\xfe+PONG"), {"expect": "\\xff\\0\\xfe+"}, None, "answered as expected"),
]


@pytest.mark.parametrize("talk,options,reason,words", [row[1:] for row in LINES], ids=[row[0] for row in LINES])
def test_line_servers(tmp_path, peer, talk, options, reason, words):
    port = peer(talk, reads=False).port
    v = probe_once(tmp_path, {"p": {"type": "tcp", "address": f"127.0.0.1:{port}", "timeout": "1s", **options}})[0]
    assert v["status"] == ("fail" if reason else "ok") and v["reason"] == (reason or "none"), v
    assert words in v["detail"] and v["total_ns"] < 5e9, v
