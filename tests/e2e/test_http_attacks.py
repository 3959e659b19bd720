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
[unix_http_server:b]
file=%(here)s/b.sock
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
[program:large]
command=sleep 1000
process_name=%(process_num)d
numprocs=2
autostart=false
stdout_logfile=%(here)s/large.log
stdout_logfile_maxbytes=0
"""


@pytest.fixture
def s(sup):
    one = sup(CONF, before='yes "a line of a large log" | head -c 32000000 >"$TEST_DIR/large.log"')
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


def call(*args):
    """The bytes of a request that calls a method."""
    body = xmlrpc.client.dumps(args[1:], args[0]).encode()
    return b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def peak(s):
    """MiB that the agent has had at most."""
    with open(f"/proc/{s.agent}/status", encoding="ascii") as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read())[1]) >> 10


def whole(c):
    """The body of an answer; b"" if the connection is closed before its end."""
    with c.makefile("rb") as f:
        length = 0
        while (line := f.readline()).strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        body = f.read(length)
        return body if len(body) == length else b""


@pytest.mark.release
def test_large_answers_to_who_does_not_read(s):
    """Parts of logs, 30 MiB each, on two servers: they are made one after the other, and who does not read
    his gives way; who reads gets his all the same."""
    before = memory(s)
    ask_log = call("supervisor.readProcessStdoutLog", "large:0", 0, 0)
    with many(24) as held:
        held += [connect(s.path("ab"[i % 2] + ".sock"), ask_log) for i in range(24)]
        assert fastest(s) < 0.05
        reader = connect(s.http, ask_log)
        held.append(reader)
        assert whole(reader).count(b"a line of a large log") > 1000000
        assert peak(s) < before + 200, (before, peak(s))
        check(s, before, 110)
    s.wait(lambda: memory(s) < before + 24)


@pytest.mark.release
def test_answers_that_are_kept_half_made(s):
    """Calls of many calls whose last one waits: the others' answers are held, up to a limit for all."""
    before = memory(s)
    read = {"methodName": "supervisor.readProcessStdoutLog", "params": ["large:0", 0, 15 << 20]}
    with many(8) as held:
        for i in range(8):
            start = {"methodName": "supervisor.startProcess", "params": [f"slow:{i}"]}
            held.append(connect(s.http, call("system.multicall", [read, start])))
        answers_ = [whole(c) for c in held[4:]]
        assert all(b"too much is being answered" in a for a in answers_), answers_
        assert peak(s) < before + 150, (before, peak(s))
        check(s, before, 110)
    s.wait(lambda: memory(s) < before + 24)
