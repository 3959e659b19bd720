"""Clients that mean harm, or that hang: what they cost is bounded, and nobody else waits for them."""
import contextlib
import re
import resource
import socket
import threading
import time
import xmlrpc.client

import pytest

from harness.agents import ping
from harness.web import Unix, answers, ask, get

CONF = """[supervisord]
[unix_http_server]
file=%(here)s/a.sock
chmod=0777
[agent]
listen=127.0.0.1:800
[program:w]
command=sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo "a line of output that is not short $i"; done; sleep 1000'
stdout_logfile=%(here)s/w.log
stdout_logfile_maxbytes=0
startsecs=0
[program:slow]
command=sleep 1000
process_name=%(process_num)d
numprocs=40
autostart=false
startsecs=1000
stdin=null
stdout_logfile=NONE
stderr_logfile=NONE
"""


@pytest.fixture
def s(sup):
    one = sup(CONF)
    one.http = one.path("a.sock")
    one.wait(lambda: answers(one.http))
    one.agent = one.ns.outer(ping(one)["pid"])
    return one


def memory(s):
    with open(f"/proc/{s.agent}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read())[1]) >> 10


def connect(path, data=b""):
    c = socket.socket(socket.AF_UNIX)
    c.settimeout(20)
    c.connect(path)
    c.sendall(data)
    return c


def fastest(s, tries=20):
    """Seconds of the fastest of some `status` on the control socket: what the machine does beside it
    does not count."""
    took = []
    for _ in range(tries):
        start = time.monotonic()
        s.ask("status")
        took.append(time.monotonic() - start)
    return min(took)


@contextlib.contextmanager
def many(n):
    """Room for so many descriptors of our own, and an end to what is in the list."""
    had = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(had[0], n + 200), had[1]), had[1]))
    held = []
    try:
        yield held
    finally:
        for c in held:
            c.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, had)


def check(s, before, limit):
    assert fastest(s) < 0.05
    assert get(s.http) == (200, "OK")
    assert memory(s) < before + limit, (before, memory(s))
    assert s.ns.outer(ping(s)["pid"]) == s.agent


@pytest.mark.release
def test_idle_and_slow(s):
    """1,000 that say nothing, then 300 that say half a head each."""
    before = memory(s)
    with many(1300) as held:
        for data in [b""] * 1000 + [b"POST /RPC2 HTTP/1.1\r\nContent-Le"] * 300:
            held.append(connect(s.http, data))
        check(s, before, 24)


@pytest.mark.release
def test_who_stops_reading(s):
    """200 that ask for much, on and on, and read none of it."""
    before = memory(s)
    s.wait(lambda: s.read("w.log").count("\n") >= 20000, 20)
    ask = b"GET /logtail/w HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET /nosuch HTTP/1.1\r\nHost: x\r\n\r\n" * 200
    with many(200) as held:
        held += [connect(s.http, ask) for _ in range(200)]
        check(s, before, 24)
        assert "a line of output" in s.ok("tail", "w")
    s.wait(lambda: get(s.http, "/ok.html") == (200, "OK"))


@pytest.mark.release
def test_bodies_without_end(s):
    """Bodies of 1 GB: told beforehand, sent in pieces, or without a word about their length."""
    before = memory(s)
    piece = b"x" * (1 << 20)
    for head in (b"Content-Length: 1073741824", b"Transfer-Encoding: chunked"):
        c = connect(s.http, b"POST /RPC2 HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
        with contextlib.closing(c), contextlib.suppress(OSError):
            for _ in range(1024):
                c.sendall(piece)
            raise AssertionError("it took 1 GB")
    with many(200) as held:
        for _ in range(200):
            c = connect(s.http, b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"x" * 50000)
            held.append(c)
        check(s, before, 48)


@pytest.mark.release
def test_many_at_once(s):
    """A flood of requests on 50 connections: each of them is answered, and supd's own socket, too."""
    wrong = []

    def flood():
        try:
            with contextlib.closing(Unix(s.http)) as c:
                for _ in range(200):
                    assert c.ask("GET", "/ok.html")[:2] == (200, "OK")
        except (OSError, AssertionError) as e:
            wrong.append(e)

    threads = [threading.Thread(target=flood) for _ in range(50)]
    for t in threads:
        t.start()
    took = fastest(s)
    for t in threads:
        t.join()
    assert not wrong and took < 0.05


def test_many_that_wait(s):
    """40 clients wait for programs that take their time; supd goes on answering the others."""
    with many(40) as held:
        for i in range(40):
            body = xmlrpc.client.dumps((f"slow:{i}",), "supervisor.startProcess").encode()
            held.append(connect(s.http, b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)))
        s.wait(lambda: all(s.state(f"slow:{i}") == "STARTING" for i in range(40)))
        status, text, _ = ask(s.http, "POST", "/RPC2", xmlrpc.client.dumps((), "supervisor.getState"))
        assert status == 200 and "RUNNING" in text
        s.ok("stop", "slow:*")
        assert all(b"<name>faultCode</name>" in c.recv(4096) for c in held)
