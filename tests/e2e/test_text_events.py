"""Supervisor's events about output, PROCESS_LOG and PROCESS_COMMUNICATION, on the control protocol."""
import re
import signal
import subprocess
import time

from harness.waiting import wait
from harness.wire import record

BEGIN, END = "<!--XSUPERVISOR:BEGIN-->", "<!--XSUPERVISOR:END-->"
CONF = """[supd]
[supervisord]
childlogdir=%(here)s
"""


class Events:
    """A subscription with text."""

    def __init__(self, s, *options):
        self.wire, self.seen = s.wire(), []
        self.wire.sock.sendall("\t".join(("e", "subscribe") + options).encode() + b"\n")
        while not self.wire.line().startswith("e ok"):
            pass

    def next(self, kind=None, name=None):
        """The next event of this type (a pattern)."""
        while True:
            line = self.wire.line()
            assert line.startswith("e event "), line
            event = record(line[len("e event "):])
            self.seen = self.seen[-30:] + [event]
            if re.fullmatch(kind or ".*", event["type"]) and name in (None, event.get("name")):
                return event

    def close(self):
        self.wire.close()


def listen(sup, conf, *options):
    s = sup(CONF + conf)
    return s, Events(s, *(options or ("text=1",)))


def test_fields_and_order(sup):
    s, events = listen(sup, r"""[program:w]
command=/bin/sh -c "printf 'one\ttwo\n\\'; sleep 0.3; echo oops >&2; sleep 0.3; printf last"
stdout_events_enabled=true
stderr_events_enabled=true
autostart=false
autorestart=false
startsecs=0
[group:g]
programs=w
""")
    s.ok("start", "g:w")
    pid = events.next("spawned")["pid"]
    first, second, third = (events.next("PROCESS_.*|exit") for _ in range(3))
    assert first.pop("time_ms") > 1e12
    assert first == {"type": "PROCESS_LOG_STDOUT", "name": "g:w", "processname": "w", "groupname": "g",
                     "pid": pid, "channel": "stdout", "data": "one\ttwo\n\\"}
    assert (second["type"], second["channel"], second["data"]) == ("PROCESS_LOG_STDERR", "stderr", "oops\n")
    assert (third["type"], third["data"]) == ("PROCESS_LOG_STDOUT", "last")
    assert events.next("PROCESS_.*|exit")["type"] == "exit"  # the last words come before it
    events.close()


def test_only_whoever_asks_and_only_what_is_enabled(sup):
    s, plain = listen(sup, """[program:w]
command=/bin/sh -c "echo hello; exec sleep 1000"
stdout_events_enabled=true
[program:quiet]
command=/bin/sh -c "echo hello; exec sleep 1000"
""", "text=0")
    loud = Events(s, "text=1")
    s.ok("restart", "quiet", "w")
    assert loud.next("PROCESS_.*")["name"] == "w"
    s.ok("stop", "w")
    seen = [loud.next() for _ in range(3)]
    assert "quiet" not in {e.get("name") for e in seen if e["type"].startswith("PROCESS")}
    while True:
        event = plain.next()
        assert not event["type"].startswith("PROCESS")
        if event.get("to") == "STOPPED" and event["name"] == "w":
            break
    plain.close()
    loud.close()
    again = Events(s, "text=1")  # taps are made anew
    s.ok("start", "w")
    assert again.next("PROCESS_.*")["data"] == "hello\n"
    again.close()


def test_a_listener_that_comes_as_the_last_one_goes(sup):
    s, first = listen(sup, """[program:w]
command=/bin/sh -c "while :; do sleep 0.01; echo hello; done"
stdout_events_enabled=true
""")
    for order in ("close speak subscribe", "subscribe speak close", "speak close subscribe"):
        second = s.wire()
        first.next("PROCESS_.*")
        s.send(signal.SIGSTOP)  # all of it shall be there in one turn
        for what in order.split():
            if what == "close":
                first.close()
            elif what == "subscribe":
                second.sock.sendall(b"e subscribe\ttext=1\n")
            else:
                end = time.monotonic() + 0.1
                wait(lambda end=end: time.monotonic() >= end, 5)
        s.send(signal.SIGCONT)
        first = Events.__new__(Events)
        first.wire, first.seen = second, []
        while not second.line().startswith("e ok"):
            pass
    first.next("PROCESS_.*")
    first.close()


def test_capture(sup):
    s, events = listen(sup, f"""[program:w]
command=/bin/sh -c "printf 'a{BEGIN}first'; sleep 0.2; printf ' event<!--XSUPER'; sleep 0.2; \
printf 'VISOR:END-->b{BEGIN}{END}'; printf '{BEGIN}0123456789abcdef{END}c'; exec sleep 1000"
stdout_capture_maxbytes=10
stdout_logfile=%(here)s/w.log
autostart=false
""")
    s.ok("start", "w")
    first, second, third = (events.next("PROCESS_.*") for _ in range(3))
    assert first.pop("time_ms") and first == {
        "type": "PROCESS_COMMUNICATION_STDOUT", "name": "w", "processname": "w", "groupname": "w",
        "pid": s.status()["w"]["pid"], "data": "irst event"}
    assert second["data"] == "" and third["data"] == "6789abcdef"
    s.wait_file("w.log", r"\Aabc\Z")
    events.close()


def test_large_and_binary(sup):
    s, events = listen(sup, f"""[program:w]
command=/bin/sh -c "printf 'x\\\\000y'; sleep 0.3; printf '{BEGIN}'; head -c 50000 /dev/zero | tr '\\\\000' '\\\\001'; printf '{END}'; exec sleep 1000"
stdout_capture_maxbytes=1MB
stdout_events_enabled=true
autostart=false
""")
    s.ok("start", "w")
    assert events.next("PROCESS_LOG_.*")["data"] == "x\ufffdy"
    parts = [events.next("PROCESS_COMM.*")]
    while parts[-1].get("more"):
        parts.append(events.next("PROCESS_COMM.*"))
    assert len(parts) == 4 and "".join(p["data"] for p in parts) == "\x01" * 50000
    events.close()


def test_killed_and_started_again_the_runs_keep_their_order(sup):
    s, events = listen(sup, """[program:w]
command=/bin/sh -c "echo in $$; read x; echo out $$; exit 1"
stdin=null
stdout_events_enabled=true
startsecs=0
backoff=1ms
startretries=1000000
autostart=false
""")
    s.ok("maintail")  # supd-log is there: an exit waits 200 ms for it, and no longer
    s.ok("start", "w")
    for _ in range(20):
        pid = events.next("spawned")["pid"]
        said = ""
        while True:
            event = events.next("PROCESS_.*|exit|spawned")
            assert event["type"] != "spawned", "an exit is missing"
            assert event["pid"] == pid, (pid, event)
            if event["type"] == "exit":
                break
            said += event["data"]
        assert said == f"in {pid}\nout {pid}\n", events.seen
    s.ok("stop", "w")
    events.close()


def test_a_chatty_program_delays_nobody_and_a_deaf_client_costs_little(sup):
    s, deaf = listen(sup, """[program:loud]
command=yes 0123456789012345678901234567890123456789
stdout_events_enabled=true
stdout_logfile=NONE
[program:w]
command=sleep 1000
startsecs=0
""")
    events = Events(s)  # it gets no text
    took = []
    for _ in range(30):
        pid = s.status("w")["w"]["pid"]
        s.kill(pid)
        dead = events.next("exit", "w")
        took.append(events.next("spawned", "w")["time_ms"] - dead["time_ms"])
    assert sorted(took)[15] < 100, took
    with open(f"/proc/{s.pid}/status", encoding="ascii") as f:
        rss = int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])
    assert rss < 300 << 10  # with a sanitizer; 1 MiB for the deaf client at most
    missed = 0
    while not missed:
        missed = deaf.next("PROCESS_LOG_STDOUT").get("missed", 0)
    assert missed > 0
    events.close()
    deaf.close()


def test_supctl_shows_them(sup):
    s = sup(CONF + """[program:w]
command=/bin/sh -c "while :; do echo hello world; sleep 0.1; done"
stdout_events_enabled=true
[program:x]
command=/bin/sh -c "while :; do echo other; sleep 0.1; done"
stdout_events_enabled=true
""")
    done = s.run("sh", "-c", 'timeout 5 "$@" | head -3', "sh", *s.ctl_command("events", "w"), env=s.env,
                 stdout=subprocess.PIPE, text=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and all("other" not in line for line in lines)
    assert any(re.search(r" w PROCESS_LOG_STDOUT pid \d+: hello world ?$", line) for line in lines), lines


def test_strip_ansi_holds_for_log_events_and_not_for_captures(sup):
    s = sup(CONF.replace("[supervisord]", "[supervisord]\nstrip_ansi=true") + rf"""[program:w]
command=/bin/sh -c "printf '\\033[31mred\\033[0m\\n'; sleep 0.3; printf '\\033[2J'; sleep 0.3; printf '{BEGIN}\\033[1mbold{END}'; exec sleep 1000"
stdout_events_enabled=true
stdout_capture_maxbytes=100
stdout_logfile=%(here)s/w.log
autostart=false
""")
    events = Events(s, "text=1")
    s.ok("start", "w")
    assert [events.next("PROCESS_.*")["data"] for _ in range(3)] == ["red\n", "", "\x1b[1mbold"]
    s.wait_file("w.log", r"\Ared\n\Z")
    events.close()
