"""What supd-agent makes of requests on Supervisor's servers: connections, limits, the tails of logs."""
import contextlib
import http.client
import os
import socket
import time
import xmlrpc.client

import pytest

from harness.stall import stalled
from harness.web import Unix, answers, ask, get, raw

CONF = """[supervisord]
logfile=%(here)s/main.log
[unix_http_server]
file=%(here)s/a.sock
[program:w]
command=sh -c 'echo first; while read l; do echo "$l"; done <%(here)s/in'
stdout_logfile=%(here)s/w.log
stdout_logfile_maxbytes=0
redirect_stderr=true
startsecs=0
[program:quiet]
command=sleep 1000
stdout_logfile=%(here)s/quiet.log
stderr_logfile=NONE
[program:never]
command=sleep 1000
autostart=false
stdout_logfile=%(here)s/never.log
[program:many]
command=sleep 1000
process_name=%%(process_num)d
numprocs=2
"""


@pytest.fixture
def s(sup):
    one = sup(CONF.replace("%%", "%"), before='mkfifo "$TEST_DIR/in"; exec 9<>"$TEST_DIR/in"')
    one.http = one.path("a.sock")
    one.wait(lambda: answers(one.http))
    return one


def test_requests(s):
    with contextlib.closing(Unix(s.http)) as c:  # one connection for all
        assert c.ask("GET", "/ok.html")[:2] == (200, "OK")
        sock = c.sock
        status, text, headers = c.ask("GET", "/nosuch")
        assert status == 404 and "404 Not Found" in text
        assert headers["Server"] == "Medusa/1.12" and headers["Date"] and headers["Content-Type"] == "text/html"
        assert c.ask("PUT", "/ok.html", "x")[0] == 400 and c.ask("POST", "/ok.html", "x" * 50000)[0] == 400
        assert c.ask("HEAD", "/ok.html")[:2] == (200, "")
        assert c.sock is sock
    assert ask(s.http, "GET", "/ok.html", Authorization="Basic !!")[0] == 200  # nobody asks for it
    # what comes by hand
    assert raw(s.http, b"\r\n\r\nGET /ok.html HTTP/1.0\r\n\r\n").endswith(b"\r\n\r\nOK")
    assert raw(s.http, b"GET /ok.html HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n\r\n").endswith(b"\r\n\r\nOK")
    two = raw(s.http, b"GET /ok.html HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /ok.html HTTP/1.0\r\n\r\n")
    assert two.count(b"HTTP/1.") == 2 and b"keep-alive" in two.split(b"\r\n\r\n")[0].lower()
    for bad in (b"\x16\x03\x01 nonsense\r\n\r\n", b"GET\r\n\r\n", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
                b"GET /ok.html HTTP/1.1\r\n" + b"x: y\r\n" * 20000 + b"\r\n"):
        assert b" 200 " not in raw(s.http, bad)


def xmlrpc_answer(s, method, *args):
    return ask(s.http, "POST", "/RPC2", xmlrpc.client.dumps(args, method))[:2]


class Tail:
    """A stream of /logtail."""

    def __init__(self, path, target):
        self.c = Unix(path)
        self.c.request("GET", target)
        self.answer = self.c.getresponse()
        self.text = ""

    def until(self, end):
        while end not in self.text:
            more = self.answer.read1(65536)
            assert more, self.text
            self.text += more.decode()
        return self.text


def write(s, text):
    s.run("sh", "-c", 'printf "%s" "$1" >"$TEST_DIR/in"', "sh", text, env=s.env)


def test_logtail(s):
    s.wait_file("w.log", "first\n")
    for target in ("/logtail/w", "/logtail/w/stdout", "/logtail/w%3Aw"):
        with contextlib.closing((t := Tail(s.http, target)).c):
            assert t.answer.status == 200 and t.until("first\n") == "first\n"
            headers = t.answer.headers
            assert headers["Content-Type"] == "text/plain;charset=utf-8" and headers["X-Accel-Buffering"] == "no"
            assert headers["Transfer-Encoding"] == "chunked" and headers["Last-Modified"].endswith(" GMT")
    with contextlib.closing((t := Tail(s.http, "/logtail/w/stdout")).c):
        t.until("first\n")
        for i in range(3):
            write(s, f"line {i}\n")
            assert t.until(f"line {i}\n") == "first\n" + "".join(f"line {j}\n" for j in range(i + 1))
    long = "".join(f"{i:0199}\n" for i in range(20))
    write(s, long)
    s.wait_file("w.log", f"{19:0199}\n")
    with contextlib.closing((t := Tail(s.http, "/logtail/w")).c):
        assert t.until(f"{19:0199}\n") == long[-1024:]


def test_a_log_that_changes(s):
    """What is followed goes on over rotations; Supervisor's words say that a file was truncated."""
    with contextlib.closing((t := Tail(s.http, "/logtail/w")).c):
        t.until("first\n")
        os.rename(s.path("w.log"), s.path("w.log.1"))
        s.ok("reopen")
        write(s, "second\n")
        assert t.until("second\n") == "first\nsecond\n"
        write(s, "more\n" * 10)
        t.until("more\n" * 10)
        os.truncate(s.path("w.log"), 0)
        write(s, "x\n")
        assert t.until("x\n").endswith("more\n==> File truncated <==\nx\n")


def test_a_link_in_its_place(s):
    """Whoever may put a link where a log is gets nothing else read by it."""
    s.write("secret", "a secret\n")
    s.wait_file("w.log", "first\n")
    t = Tail(s.http, "/logtail/w")
    t.until("first\n")
    for name in ("w.log", "never.log"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(s.path(name))
        os.symlink(s.path("secret"), s.path(name))
        os.chown(s.path(name), 65534, 65534, follow_symlinks=False)
    assert get(s.http, "/logtail/never")[0] in (404, 503)
    write(s, "after\n")  # supd-log, which has the rights for it, writes it where the link points to
    s.wait_file("secret", "after")
    assert Tail(s.http, "/logtail/w").answer.status == 404
    t.c.sock.settimeout(0.5)
    with contextlib.closing(t.c), contextlib.suppress(TimeoutError):
        t.until("no end")
    assert "a secret" not in t.text


def test_logs_that_are_none(s):
    for target in ("/logtail/nosuch", "/logtail/w/stderr", "/logtail/quiet/stderr", "/logtail/never", "/logtail/many",
                   "/logtail/*", "/logtail/follow%3D1", "/logtail/many:*", "/logtail/w/x", "/logtail/", "/logtail"):
        assert get(s.http, target)[0] == 404, target
    assert ask(s.http, "POST", "/logtail/w", "")[0] == 400
    assert Tail(s.http, "/logtail/quiet").answer.status == 200  # its file is there, and empty
    assert Tail(s.http, "/logtail/many:1/stderr").answer.status == 200


def test_pages_of_other_sites(s):
    """A browser sends what it is told by any page; that it does so it says itself."""
    def stop(**headers):
        body = xmlrpc.client.dumps(("quiet",), "supervisor.stopProcess")
        return ask(s.http, "POST", "/RPC2", body, **{"Content-Type": "text/plain", **headers})

    s.wait_state("quiet", "RUNNING")
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"}):
        status, text, _ = stop(**headers)
        assert (status, text) == (403, "a page of another site may not call this\n")
    assert s.state("quiet") == "RUNNING"
    assert stop(Origin="http://localhost")[0] == 200 and s.state("quiet") == "STOPPED"


def test_mainlogtail(s):
    t = Tail(s.http, "/mainlogtail")
    t.until("\n")
    assert t.answer.headers["X-Accel-Buffering"] is None
    s.ok("start", "never")
    t.until("spawned: 'never'")


def test_a_tail_that_nobody_reads(s):
    """So many are served as supd-log can afford; supctl's own still is, and who goes makes room."""
    tails = [Tail(s.http, "/logtail/w") for _ in range(24)]
    assert all(t.answer.status == 200 for t in tails)
    assert get(s.http, "/logtail/w")[0] == 503
    assert "first" in s.ok("tail", "w")
    for t in tails:
        t.answer.close()
        t.c.close()
    s.wait(lambda: Tail(s.http, "/logtail/w").answer.status == 200, 20)


def test_bodies(s):
    def post(head, body=b""):
        return raw(s.http, b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + head + b"\r\n" + body)

    assert b" 411 " in post(b"") or b" 400 " in post(b"")
    with socket.socket(socket.AF_UNIX) as c:  # 1 GB is refused by its head
        c.connect(s.http)
        c.sendall(b"POST /ok.html HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n")
        c.settimeout(20)
        assert b"HTTP/1.1 4" in c.recv(1000)
    with pytest.raises((OSError, http.client.HTTPException)):
        raw(s.http, b"GET /ok.html HTTP/1.1\r\n", 0.2)


def test_followers_leave_room(sup):
    """Who follows logs on several servers takes neither the room of supctl nor that of one another's logs."""
    s = sup(CONF.replace("%%", "%") + "[unix_http_server:b]\nfile=%(here)s/b.sock\n"
            "[unix_http_server:c]\nfile=%(here)s/c.sock\n",
            before='mkfifo "$TEST_DIR/in"; exec 9<>"$TEST_DIR/in"')
    paths = [s.path(n + ".sock") for n in "abc"]
    s.wait(lambda: all(answers(p) for p in paths))
    s.wait(lambda: s.read("w.log"))
    tails = [Tail(p, t) for p in paths for t in ["/logtail/w"] * 12 + ["/logtail/quiet"] * 12]
    try:
        taken = [t.answer.status for t in tails]
        assert taken == [200] * 40 + [503] * 32
        assert s.ok("tail", "w") == "first\n"
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as c:  # and who follows there
            c.settimeout(20)
            c.connect(s.socket)
            c.sendall(b"1 tail w bytes=100 follow=1\n")
            said = b""
            while b"first\n" not in said:
                more = c.recv(4096)
                assert more and b"error" not in said, said
                said += more
    finally:
        for t in tails:
            t.c.close()


def test_log_on_a_disk_that_does_not_answer(s):
    """All who want that one log wait, and nobody else does."""
    read_w = lambda: xmlrpc_answer(s, "supervisor.readProcessStdoutLog", "w", 0, 0)
    s.wait(lambda: xmlrpc_answer(s, "supervisor.readProcessStdoutLog", "quiet", 0, 0)[0] == 200)
    s.wait(lambda: os.path.exists(s.path("quiet.log")))
    s.wait(lambda: "first" in read_w()[1])
    held = []
    body = xmlrpc.client.dumps(("quiet", 0, 0), "supervisor.readProcessStdoutLog").encode()
    ask_log = b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    follow = b"GET /logtail/quiet HTTP/1.1\r\nHost: x\r\n\r\n"
    with stalled(s.path("quiet.log")):
        try:
            for data in [ask_log] * 70 + [follow] * 24:
                c = socket.socket(socket.AF_UNIX)
                held.append(c)
                c.connect(s.http)
                c.sendall(data)
            start = time.monotonic()
            for _ in range(5):
                status, text = read_w()
                assert status == 200 and "first" in text
            assert s.ok("tail", "w") == "first\n"
            t = Tail(s.http, "/logtail/w")
            held.append(t.c)
            assert t.answer.status == 200 and t.until("first\n")
            assert time.monotonic() - start < 9  # what those who wait get to wait for is 10 s
        finally:
            for c in held:
                c.close()
