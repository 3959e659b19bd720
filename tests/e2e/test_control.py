"""The control protocol, spoken by hand: docs/control-protocol.md against a real supd."""
import contextlib
import errno
import json
import os
import re
import resource
import socket

import pytest

from harness.supervised import ROOT, program
from harness.waiting import wait

CONF = """[supd]
[supervisord]
childlogdir=%(here)s
[program:a]
command=/bin/sh -c 'echo hello; exec sleep 1000'
startsecs=0
[program:b]
command=/bin/sleep 1000
startsecs=0
"""


class Line:
    """One connection; lines come back as text."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(path)
        self.file = self.sock.makefile("rb")

    def read(self):
        return self.file.readline().decode().rstrip("\n")

    def ask(self, request):
        """Sends one request; its reply lines, the last one included, without the id."""
        ident = request.split()[0]
        self.sock.sendall(request.encode() + b"\n")
        lines = []
        while not lines or lines[-1].split()[0] not in ("ok", "error"):
            line = self.read()
            assert line.startswith(ident + " "), line
            lines.append(line[len(ident) + 1:])
        return lines

    def close(self):
        self.file.close()
        self.sock.close()


@pytest.fixture
def s(sup):
    one = sup(CONF)
    one.wait_state("b", "RUNNING")
    return one


@pytest.fixture
def line(s):
    one = Line(s.socket)
    yield one
    one.close()


def pairs(text):
    return dict(p.split("=", 1) for p in text.split("\t"))


def test_greeting_and_ping(line):
    assert re.fullmatch(r"supd 1 version=\S+ pid=1", line.read())
    assert line.ask("a ping") == ["ok"]
    assert pairs(line.ask("b version")[0][3:])["protocol"] == "1"


def test_the_document_lists_every_verb_and_code(line):
    with open(os.path.join(ROOT, "docs/control-protocol.md"), encoding="utf-8") as f:
        page = f.read()
    table = page[page.index("## Verbs"):page.index("### Status records")]
    written = {m[0]: (m[1].replace("`", "").replace("\\|", "|").strip(), m[2])
               for m in re.findall(r"^\| `([a-z_]+)` \| (.*?) ?\| (any|reader|admin|agent|admin, rpc|rpc) \|", table, re.M)}
    line.read()
    known = {}
    for record in line.ask("h help")[:-1]:
        row = pairs(record[2:])
        known[row["verb"]] = (row["args"].replace("\\\\", "\\"), row["who"])
    assert {v: (a, "reader" if who == "any" else who) for v, (a, who) in written.items()} == known
    with open(os.path.join(ROOT, "supervisor/core/wire.h"), encoding="utf-8") as f:
        codes = re.findall(r'^    X\((\w+), (\d+), "(.*)"\)', f.read(), re.M)
    assert len(codes) == 17
    for code, fault, text in codes:
        assert re.search(rf"^\| `{code}` \| {re.escape(text)} \| {fault} \|$", page, re.M), code


def test_the_document_lists_every_status_key(line, s):
    s.ok("restart", "a")
    with open(os.path.join(ROOT, "docs/control-protocol.md"), encoding="utf-8") as f:
        page = f.read()
    table = page[page.index("### Status records"):page.index("### Events")]
    written = set(re.findall(r"`([a-z_]+)`", table))
    line.read()
    for record in line.ask("x status")[:-1]:
        assert set(pairs(record[2:])) <= written


def test_subscribe_and_events_without_a_gap(line, s):
    line.read()
    snapshot = line.ask("s subscribe")
    assert [pairs(r[2:])["name"] for r in snapshot[:-1]] == ["a", "b"]
    seq = int(pairs(snapshot[-1][3:])["seq"])
    s.ok("restart", "a")
    for number in range(seq + 1, seq + 7):
        event = line.read()
        assert event.startswith("s event ")
        event = pairs(event[len("s event "):])
        assert int(event["seq"]) == number and event["name"] == "a" and int(event["time_ms"]) > 1.7e12


def test_the_document_lists_every_event(line, s):
    """What a whole life tells, down to the shutdown, is on the page, type by type and key by key."""
    with open(os.path.join(ROOT, "docs/control-protocol.md"), encoding="utf-8") as f:
        page = f.read()
    table = page[page.index("### Events"):page.index("### tail")]
    written = {}
    for types, keys in re.findall(r"^\| (`[a-z_`, ]+`) \|(.*)\|$", table, re.M):
        for name in re.findall(r"`([a-z_]+)`", types):
            written[name] = set(re.findall(r"[a-z_]+", (re.match(r" `([a-z_ ]+)`", keys) or [""])[0]))
    line.read()
    line.ask("s subscribe")
    with open(s.path("supd.conf"), encoding="utf-8") as f:
        old = f.read()
    s.write("supd.conf", old + "[program:new]\ncommand=/bin/sleep 1000\n")
    s.ok("update")
    s.write("supd.conf", old)
    s.ok("update")
    s.ctl("shutdown")  # PID 1 may take it along before it has ended
    seen = {}
    while "mood" not in seen:
        event = pairs(line.read()[len("s event "):])
        seen.setdefault(event["type"], set()).update(set(event) - {"seq", "time_ms", "type", "name"})
    assert sorted(seen) == sorted(written)
    for name, keys in seen.items():
        assert keys == (set() if name == "mood" else written[name]), name


def test_requests_in_flight(line, s):
    line.read()
    s.write("supd.conf", CONF + "[program:slow]\ncommand=/bin/sleep 1000\nstartsecs=1\nautostart=false\n")
    s.ok("update")
    line.sock.sendall(b"a start slow\nb ping\nc status b\n")
    assert line.read() == "b ok"
    assert [line.read().split()[0] for _ in range(2)] == ["c", "c"]
    assert line.read() == "a + name=slow\tcode=OK"
    assert line.read() == "a ok"


def test_a_client_that_goes_leaves_the_start_alone(s):
    s.write("supd.conf", CONF + "[program:slow]\ncommand=/bin/sleep 1000\nstartsecs=1\nautostart=false\n")
    s.ok("update")
    one = Line(s.socket)
    one.sock.sendall(b"a start slow\n")
    s.wait_state("slow", "STARTING")
    one.close()
    s.wait_state("slow", "RUNNING")


def test_tail_takes_the_connection(line, s):
    s.wait(lambda: s.ok("tail", "a"))
    line.read()
    line.sock.sendall(b"t tail a\n")
    assert line.read() == "t bytes 6"
    assert line.file.read(7) == b"hello\n\n"
    assert line.read() == "t ok" and line.file.read() == b""


def test_tail_wants_it_for_itself(line):
    line.read()
    line.ask("s subscribe")
    assert line.ask("t tail a")[0].startswith("error BUSY")


def test_errors(line):
    line.read()
    for request, answer in (
            ("a stsatus", "error BAD_REQUEST no such verb 'stsatus'; did you mean 'status'?"),
            ("a start", "error BAD_REQUEST usage: start NAME... [wait=0]"),
            ("a signal NOPE a", "error BAD_SIGNAL no such signal: NOPE (a number, or a name as in kill -l)"),
            ("a tail nosuch", "error BAD_NAME no such process: nosuch"),
            ("a tail a bytes=x", "error BAD_REQUEST bytes=: not a number: 'x'"),
            ("a answer 1 ok", "error DENIED answer is for supd-agent only"),
            ("a agent ping", "error FAILED there is no agent: no section of the configuration needs one")):
        assert line.ask(request)[-1] == answer
    assert line.ask("a start nosuch wait=0") == ["+ name=nosuch\tcode=BAD_NAME\ttext=no such process", "ok failed=1"]


def test_readers(sup):
    s = sup(CONF.replace("[supd]", "[supd]\nsocket_group=nogroup"))
    s.wait_state("b", "RUNNING")
    reader = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program("supctl"), "-s", s.socket]
    for args in (["status"], ["pid", "a"], ["explain", "a"], ["tail", "a"], ["config"], ["version"], ["stats"], ["names"]):
        assert s.ns.enter([*reader, *args], env=s.env).returncode == 0, args
    for args in (["stop", "a"], ["start", "a"], ["signal", "HUP", "a"], ["clear", "a"], ["shutdown"], ["reread"],
                 ["update"], ["check"], ["remove", "a"]):
        done = s.ns.enter([*reader, *args], env=s.env)
        assert done.returncode == 6 and "needs root or supd's own user" in done.stderr, args
    assert s.state("a") == "RUNNING"
    other = ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups", program("supctl"), "-s", s.socket]
    assert s.ns.enter([*other, "status"], env=s.env).returncode == 6


def test_the_socket_comes_back(s):
    os.unlink(s.socket)
    wait(lambda: os.path.exists(s.socket), 5, "the socket is there again")
    assert s.ctl("status").returncode == 0
    os.rename(s.socket, s.socket + ".moved")
    wait(lambda: os.path.exists(s.socket), 5, "the socket is there again")
    assert s.ctl("status").returncode == 0
    s.stop()
    assert not os.path.exists(s.socket)


def test_garbage_and_idlers_do_not_matter(s):
    idlers = [Line(s.socket) for _ in range(40)]
    noise = Line(s.socket)
    noise.sock.sendall(b"\x00\xff\n" * 1000 + b"x" * 70000)
    half = Line(s.socket)
    half.sock.sendall(b"a stat")
    assert s.ctl("status").returncode == 0
    assert s.ctl("restart", "a").returncode == 0
    for one in [*idlers, noise, half]:
        one.close()
    wait(lambda: json.loads(s.ok("--json", "stats"))["clients"] == 1, 5, "the clients are gone")


def test_a_thousand_connections(s):
    """The socket takes no more than it can serve, what idles makes room, and supd stays as it was."""
    with open(f"/proc/{s.pid}/statm", encoding="ascii") as f:
        before = int(f.read().split()[1])
    held, refused = [], 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))
    for _ in range(1000):
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(10)
        wait(lambda one=one: one.connect_ex(s.socket) != errno.EAGAIN, 10, "there is room to wait in")
        held.append(one)
        refused += b"* error BUSY too many clients" in one.recv(200)
    assert refused > 100  # where this takes more than a second idle ones have made room
    assert len(os.listdir(f"/proc/{s.pid}/fd")) < 500
    wait(lambda: s.ctl("status", "a").returncode == 0, 10, "an idle one made room")  # after 1 s
    with open(f"/proc/{s.pid}/statm", encoding="ascii") as f:
        assert int(f.read().split()[1]) < before + 1024  # pages: 4 MiB
    for one in held:
        one.close()
    wait(lambda: json.loads(s.ok("--json", "stats"))["clients"] == 1, 10, "the clients are gone")


def test_lines_at_the_limit(line):
    line.read()
    name = "x" * (65536 - len("a status "))
    assert line.ask("a status " + name)[-1] == "ok failed=1"
    line.sock.sendall(b"b status y" + name.encode() + b"\n")
    assert line.read() == "* error BAD_REQUEST a line is longer than 65536 bytes" and line.read() == ""


def test_who_asks_much_and_reads_nothing_costs_little(s):
    deaf = Line(s.socket)
    deaf.sock.setblocking(False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while sent < 64 << 20:
            sent += deaf.sock.send(b"a config\n" * 1000)
    assert sent < 4 << 20  # it is not read from any more
    assert s.ctl("status").returncode == 0
    deaf.close()


def test_abstract_name_where_nothing_can_be_written(sup):
    s = sup("[supd]\n[supervisord]\nchildlogdir=%(here)s\n[program:e]\ncommand=/bin/sh -c 'echo at $SUPD_SOCKET; exec sleep 1000'\n"
            "startsecs=0\nstdout_logfile=/dev/stdout\n", ready=False, env={"SUPD_SOCKET": None},
            prefix=["sh", "-c", "mount -o remount,ro /run && exec \"$0\" \"$@\""])
    name = s.wait_log(r"abstract name (@supd-[0-9a-f]{16})").group(1)
    assert s.wait_file("stdout", r"at (\S*)").group(1) == name
    done = s.ns.enter([program("supctl"), "-s", name, "status"], env=s.env)
    assert done.returncode == 0, done.stderr
