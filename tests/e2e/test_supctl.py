"""supctl's commands, their output and their exit codes, against a real supd."""
import json
import os
import re
import signal

import pytest

from harness.double import Double
from harness.supervised import ROOT, program
from harness.terminal import Terminal
from harness.wire import record as wire_record

CONF = """[supd]
[supervisord]
childlogdir=%(here)s
[program:good]
command=/bin/sh -c 'echo said good; echo complained good >&2; exec sleep 1000'
startsecs=0
[program:quick]
command=/bin/sh -c 'echo first; echo last words >&2; exit 3'
autostart=false
startretries=1
backoff=100ms
[program:missing]
command=/no/such/program
autostart=false
startretries=0
[program:once]
command=/bin/true
startsecs=0
autorestart=false
[program:w]
command=/bin/sleep 1000
process_name=%(program_name)s_%(process_num)02d
numprocs=3
startsecs=0
[program:silent]
command=/bin/sleep 1000
stdout_logfile=NONE
stderr_logfile=NONE
startsecs=0
"""


@pytest.fixture
def s(sup):
    one = sup(CONF)
    one.wait_state("once", "EXITED")
    one.wait_state("silent", "RUNNING")
    return one


def check(done, code, out=None, err=None):
    said = f"exit {done.returncode}\n{done.stdout}---\n{done.stderr}"
    assert done.returncode == code, said
    if out is not None:
        assert re.search(out, done.stdout, re.M), said
    if err is not None:
        assert re.search(err, done.stderr, re.M), said
    return done


def test_status_table(s):
    out = check(s.ctl("status"), 3).stdout.splitlines()
    assert out[0].split() == ["NAME", "STATE", "PID", "UPTIME", "RESTARTS", "LAST", "EXIT"]
    rows = {line.split()[0]: line.split() for line in out[1:]}
    assert list(rows) == ["good", "missing", "once", "quick", "silent", "w:w_00", "w:w_01", "w:w_02"]
    assert rows["good"][1] == "RUNNING" and rows["good"][2] == str(s.status()["good"]["pid"])
    assert rows["once"][1:] == ["EXITED", "-", "-", "0", "exit", "status", "0"]
    assert rows["quick"][1:3] == ["STOPPED", "-"]
    assert "\x1b" not in "".join(out)


@pytest.mark.parametrize("args,code,names", [
    (["good"], 0, {"good"}),
    (["good", "w:*"], 0, {"good", "w:w_00", "w:w_01", "w:w_02"}),
    (["w:"], 0, {"w:w_00", "w:w_01", "w:w_02"}),
    (["w"], 0, {"w:w_00", "w:w_01", "w:w_02"}),
    (["w:*_0[12]"], 0, {"w:w_01", "w:w_02"}),
    (["[gs]*"], 0, {"good", "silent"}),
    (["once"], 3, {"once"}),
    (["good", "good"], 0, {"good"}),
    (["nosuch"], 4, set()),
    (["good", "nosuch"], 4, {"good"}),
    (["once", "nosuch"], 3, {"once"}),
])
def test_status_names(s, args, code, names):
    done = check(s.ctl("--json", "status", *args), code)
    assert {r["name"] for r in json.loads(done.stdout)} == names
    assert ("nosuch: no such process" in done.stderr) == ("nosuch" in args)


def test_status_json(s):
    rows = {r["name"]: r for r in json.loads(s.ctl("--json", "status").stdout)}
    good, once = rows["good"], rows["once"]
    assert good["state"] == "RUNNING" and good["group"] == "good" and good["restarts"] == 0
    assert isinstance(good["pid"], int) and good["uptime_ms"] >= 0 and "exit" not in good
    assert once["exit"] == "exit status 0" and once["exitcode"] == 0 and once["expected"] is True
    assert once["pid"] == 0 and "uptime_ms" not in once


def documented(command):
    """The keys that supctl(1) gives for the JSON of a command."""
    with open(os.path.join(ROOT, "docs/man/supctl.1.in"), encoding="utf-8") as f:
        page = f.read()
    part = page[page.index(".Ss JSON"):page.index(".Sh ENVIRONMENT")]
    entry = re.search(rf"^\.It Ic [^\n]*\b{command}\b[^\n]*\n(.*?)(?=^\.It|\Z)", part, re.M | re.S).group(1)
    return set(re.findall(r"[a-z_]+", " ".join(re.findall(r"^\.Li (.*)$", entry, re.M))))


def keys_of(text):
    found = json.loads(text)
    return set().union(*(found if isinstance(found, list) else [found]))


def test_every_key_of_the_json_is_documented(s):
    """What each command of a running supd prints; those of probes and alerts need an agent."""
    s.ctl("start", "quick", "missing")
    s.ctl("restart", "good")
    for args in (["status"], ["version"], ["stats"], ["explain", "all"]):
        have = keys_of(s.ctl("--json", *args).stdout)
        assert have and have <= documented(args[0]), have - documented(args[0])
    assert {"name", "section", "conf"} <= documented("config") and keys_of(s.ok("--json", "config", "good")) >= {"name"}
    events = Terminal(s.ns.enter_command([program("supctl"), "-s", s.socket, "--json", "events"]), env=s.env)
    s.wait(lambda: s.ask("stats")[1]["subscribers"] == 1)
    s.ok("restart", "good")
    events.expect(r'"to": ?"RUNNING"')
    for line in events.seen.splitlines()[:5]:
        assert set(json.loads(line)) <= documented("events"), line
    events.close()


@pytest.mark.parametrize("args", [["status", "nosuch"], ["explain", "nosuch"], ["config", "nosuch"]])
def test_json_of_what_is_not_there_is_an_empty_array(s, args):
    done = s.ctl("--json", *args)
    assert done.returncode in (1, 4) and json.loads(done.stdout) == [] and "nosuch" in done.stderr


def untyped(raw, shown):
    """Keys that are whole numbers in the protocol and texts in the JSON; exitcodes is a list that has one."""
    return {k for k, v in raw.items() if isinstance(v, int) and isinstance(shown[k], str)} - {"exitcodes"}


@pytest.mark.parametrize("request_,command", [
    (("status",), ("status",)), (("version",), ("version",)),
    (("stats",), ("stats",)), (("config", "good"), ("config", "good"))])
def test_numbers_are_numbers_in_json(s, request_, command):
    rows, last = s.ask(*request_)
    shown = json.loads(s.ctl("--json", *command).stdout)
    shown, raw = (shown, rows) if isinstance(shown, list) else ([shown], rows or [last])
    assert len(shown) == len(raw) > 0 and any(isinstance(v, int) for row in raw for v in row.values())
    for a, b in zip(raw, shown):
        assert not untyped(a, b)


def test_numbers_are_numbers_in_the_json_of_events(s):
    events = Terminal(s.ns.enter_command([program("supctl"), "-s", s.socket, "--json", "events"]), env=s.env)
    s.wait(lambda: s.ask("stats")[1]["subscribers"] == 1)
    with s.wire() as wire:
        wire.request("subscribe")
        s.ctl("restart", "good")
        raw = [wire_record(wire.line().partition(" event ")[2]) for _ in range(6)]
    events.expect(r'"seq": ?%d\b' % raw[-1]["seq"])
    shown = [json.loads(line) for line in events.seen.splitlines()[:len(raw)]]
    assert [e["seq"] for e in shown] == [e["seq"] for e in raw]
    for a, b in zip(raw, shown):
        assert not untyped(a, b) and isinstance(b["time_ms"], int) and b["time_ms"] == a["time_ms"]
        assert "expected" not in b or isinstance(b["expected"], bool)
    events.proc.kill()
    events.close()


def test_restarts_and_reasons_are_shown(s):
    first = s.status()["good"]["pid"]
    assert s.kill(first)
    s.wait(lambda: s.status()["good"]["pid"] not in (0, first))
    good = s.status()["good"]
    assert (good["restarts"], good["starts"], good["exits"]) == (1, 2, 1)
    assert good["exit"] == "terminated by SIGKILL" and good["expected"] == 0
    assert re.search(r"^good +RUNNING +\d+ +\S+ +1 +terminated by SIGKILL$", s.ctl("status").stdout, re.M)


W = [f"w:w_{n:02d}" for n in range(3)]


def said(done):
    """The lines, sorted: each is said when its program is done, whichever is first."""
    check(done, 0)
    return sorted(done.stdout.splitlines())


def test_start_stop_restart(s):
    assert said(s.ctl("stop", "good", "w:*")) == [f"{n}: stopped" for n in ("good", *W)]
    check(s.ctl("status", "good"), 3, r"^good +STOPPED +- +- +0 +terminated by SIGTERM, stopped as told$")
    check(s.ctl("stop", "good"), 0, r"^good: ERROR \(not running\)$")
    assert said(s.ctl("start", "good", "w:w_01")) == ["good: started", "w:w_01: started"]
    check(s.ctl("start", "good"), 0, r"^good: ERROR \(already started\)$")
    before = s.status()
    check(s.ctl("restart", "good", "w:w_01", "w:w_02"), 0)
    after = s.status()
    assert all(after[n]["pid"] not in (0, before[n]["pid"]) for n in ("good", "w:w_01", "w:w_02"))
    check(s.ctl("stop", "all"), 0)
    assert not [n for n, r in s.status().items() if r["pid"]]
    check(s.ctl("start", "nosuch"), 1, err=r"nosuch: ERROR \(no such process\)")
    check(s.ctl("start", "nosuch:*", "good"), 1, r"good: started", r"nosuch:\*: ERROR \(no such process or group\)")


def test_start_says_why_it_failed(s):
    done = check(s.ctl("start", "quick"), 7, err=r"^quick: ERROR \(exited too quickly: exit status 3\)$")
    assert "last output of quick (stderr)" in done.stderr and "last words" in done.stderr
    done = check(s.ctl("start", "missing"), 7)
    assert re.search(r"^missing: ERROR \(.*/no/such/program: No such file or directory\)$", done.stderr, re.M)
    s.wait_state("quick", "FATAL")
    check(s.ctl("start", "missing", "good"), 7, r"good: ERROR \(already started\)")


def test_explain(s):
    s.ctl("start", "quick")
    s.wait_state("quick", "FATAL")
    out = check(s.ctl("explain", "quick", "good"), 0).stdout
    assert "exit status 3" in out and "startretries=1" in out and "supd.conf:" in out
    assert re.search(r"^good: up for .*pid \d+", out, re.M)
    rows = json.loads(check(s.ctl("explain", "--json", "good"), 0).stdout)
    assert rows[0]["name"] == "good" and rows[0]["text"]
    check(s.ctl("explain", "nosuch"), 1, err="nosuch")


def test_signal_and_pid(s):
    pid = s.status()["good"]["pid"]
    check(s.ctl("pid"), 0, r"\A1\n\Z")
    check(s.ctl("pid", "good"), 0, rf"\A{pid}\n\Z")
    check(s.ctl("pid", "once"), 7, r"\A0\n\Z")
    check(s.ctl("pid", "nosuch"), 1, r"\A\Z", "nosuch")
    check(s.ctl("signal", "SIGUSR1", "good"), 0, "good: signalled")
    s.wait(lambda: s.status()["good"].get("exit") == "terminated by SIGUSR1")
    check(s.ctl("signal", "9", "w:w_00"), 0)
    check(s.ctl("signal", "HUP", "once"), 7, err="not running")
    check(s.ctl("signal", "FOO", "good"), 1, err="no such signal: FOO")
    check(s.ctl("signal", "HUP"), 2, err="usage: supctl signal")


def test_tail(s):
    s.wait(lambda: s.ok("tail", "good") and s.ok("tail", "good", "stderr"))
    check(s.ctl("tail", "good"), 0, r"\Asaid good\n\Z")
    check(s.ctl("tail", "good", "stderr"), 0, r"\Acomplained good\n\Z")
    check(s.ctl("tail", "-5", "good"), 0, r"\Agood\n\Z")
    check(s.ctl("tail", "w:*"), 1, err="means 3 processes")
    check(s.ctl("tail", "nosuch"), 1, err="no such process")
    check(s.ctl("tail", "good", "nothere"), 2, err="usage: supctl tail")
    check(s.ctl("tail", "-x", "good"), 2, err="usage: supctl tail")
    check(s.ctl("maintail", "-4000"), 0, "entered RUNNING state")


def test_tail_follows(s, tmp_path):
    t = Terminal(s.ns.enter_command([program("supctl"), "-s", s.socket, "tail", "-f", "good"]), env=s.env)
    t.expect("said good")
    s.ok("restart", "good")
    t.expect("said good\r\nsaid good")
    t.type("\x03")
    assert t.ended() != 0
    t.close()


def test_clear(s):
    s.wait(lambda: s.ok("tail", "good") == "said good\n")
    check(s.ctl("clear", "good"), 0, "good: cleared")
    check(s.ctl("tail", "good"), 0, r"\A\Z")
    check(s.ctl("clear", "nosuch"), 1, err="nosuch")
    check(s.ctl("clear", "main"), 0, "main: cleared")
    check(s.ctl("reopen"), 0)


def test_clear_says_only_what_is_so(s):
    """A supd-log that does not answer has emptied nothing; nor has one that may not."""
    s.wait(lambda: s.ok("tail", "good") == "said good\n")
    path = s.status()["good"]["stdout_log"]
    log = s.ask("stats")[1]["log_pid"]
    s.kill(log, signal.SIGSTOP)
    check(s.ctl("clear", "good"), 1, r"\A\Z", r"good: ERROR \(not yet, or it cannot be")
    with open(path, encoding="ascii") as f:
        assert f.read() == "said good\n"
    s.kill(log, signal.SIGCONT)
    s.wait(lambda: s.ok("tail", "good") == "")  # it was told, and does it late
    check(s.ctl("clear", "good", "w:w_00"), 0, r"\Agood: cleared\nw:w_00: cleared\n\Z")
    if s.run("chattr", "+a", path).returncode:
        pytest.skip("no append-only files here")
    try:
        check(s.ctl("clear", "good"), 1, r"\A\Z", r"good: ERROR \(")
        s.wait_log("cannot empty .*: Operation not permitted")
    finally:
        s.run("chattr", "-a", path)


def test_config_masks_secrets(sup):
    s = sup(CONF + "environment=TOKEN=\"hunter2\",MODE=fast\n")
    out = check(s.ctl("config"), 0).stdout
    assert "[program:good]" in out and "startretries=1" in out and "backoff=100ms" in out
    assert "TOKEN=" in out and "hunter2" not in out and "fast" not in out
    rows = json.loads(check(s.ctl("--json", "config", "silent"), 0).stdout)
    assert [r["name"] for r in rows] == ["silent"] and rows[0]["stdout_logfile"] == "NONE"
    rows = json.loads(check(s.ctl("--json", "config", "good"), 0).stdout)
    assert rows[0]["stdout_logfile_maxbytes"] == 52428800 and rows[0]["stdout_logfile_backups"] == 10
    check(s.ctl("config", "nosuch"), 1, err="nosuch")


def test_about_supd(s):
    check(s.ctl("version"), 0, r"^supd \d")
    info = json.loads(check(s.ctl("--json", "version"), 0).stdout)
    assert info["pid"] == 1 and info["protocol"] == 1 and info["init"] is True
    stats = json.loads(check(s.ctl("--json", "stats"), 0).stdout)
    assert stats["processes"] == 8 and stats["spawned"] >= 6 and stats["log_lost_lines"] == 0
    check(s.ctl("names"), 0, r"^w:w_02$")
    said = s.ctl("shutdown").stdout
    assert said in ("Shut down\n", "") and s.wait_exit() == 0  # PID 1 may take supctl along


@pytest.mark.parametrize("args,code,err", [
    ([], 4, "supd is not running: no socket at"),
    (["status"], 4, "start it with: supd"),
    (["start", "x"], 4, "supd is not running"),
    (["bogus"], 2, "no such command: bogus"),
    (["stauts"], 2, "did you mean 'status'"),
    (["start"], 2, r"usage: supctl start NAME\.\.\."),
    (["reread", "x"], 2, "usage: supctl reread"),
    (["--bogus"], 2, "try: supctl --help"),
    (["help"], 0, None),
    (["--help"], 0, None),
    (["help", "start"], 0, None),
    (["help", "bogus"], 2, "no such command"),
    (["--version"], 0, None),
])
def test_without_supd(sup, args, code, err):
    s = sup(CONF)
    argv = [program("supctl"), "-s", s.path("nothing.sock"), *args]
    check(s.ns.enter(argv, env=s.env, input="status\n"), code, err=err)


EXITS = [
    ("status good", 0), ("status", 3), ("status nosuch", 4), ("status once nosuch", 3),
    ("start good", 0), ("start quick", 7), ("start nosuch", 1), ("start nosuch missing", 7),
    ("stop once", 0), ("stop nosuch", 1), ("restart missing", 7), ("restart good", 0), ("restart nosuch", 1),
    ("signal CONT good", 0), ("signal CONT once", 7), ("signal CONT nosuch", 1), ("signal NOPE good", 1),
    ("pid", 0), ("pid good", 0), ("pid once", 7), ("pid nosuch", 1), ("pid once nosuch", 7),
    ("explain good", 0), ("explain nosuch", 1), ("tail good", 0), ("tail silent", 0), ("tail nosuch", 1),
    ("maintail", 0), ("clear good", 0), ("clear nosuch", 1), ("config good", 0), ("config nosuch", 1),
    ("check", 0), ("reread", 0), ("update", 0), ("update nosuch", 1), ("reload", 0),
    ("add good", 0), ("add nosuch", 1), ("remove good", 1), ("remove nosuch", 1), ("reopen", 0),
    ("stats", 0), ("version", 0), ("names", 0), ("agent ping", 1), ("probes", 1), ("metrics", 1), ("alerts", 1), ("notify", 1),
]


def test_exit_codes(s):
    """The table of supctl(1), command by command."""
    found = [(args, s.ctl(*args.split()).returncode) for args, _ in EXITS]
    assert found == EXITS
    s.write("supd.conf", CONF + "[program:bad]\n")
    wrong = [("check", 2), ("reread", 1), ("update", 1), ("reload", 1), ("status good", 0), ("add good", 0)]
    assert [(args, s.ctl(*args.split()).returncode) for args, _ in wrong] == wrong
    check(s.ctl("check", s.path("supd.conf")), 2)
    check(s.ctl("check", s.path("nothere.conf")), 2)


def test_not_permitted(s):
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    check(s.ns.enter([*nobody, program("supctl"), "-s", s.socket, "status"], env=s.env), 6, err="you may not use")


def test_what_answers_is_not_supd(s):
    server = ("import socket,sys; l=socket.socket(socket.AF_UNIX); l.bind(sys.argv[1]); l.listen(); "
              "c,_=l.accept(); c.sendall(sys.argv[2].encode()); c.recv(100)")
    for n, (greeting, err) in enumerate((("HTTP/1.1 400 Bad\n", "not supd"), ("supd 99\n", "protocol version 99"))):
        path = s.path(f"other{n}.sock")
        shell = f"python3 -c '{server}' {path} '{greeting}' & while [ ! -S {path} ]; do :; done; " \
                f"{program('supctl')} -s {path} status"
        check(s.run("bash", "-c", shell, env=s.env), 5, err=err)


def test_events_and_watch(sup):
    s = sup(CONF, pid1=False)
    s.wait_state("good", "RUNNING")
    events = Terminal(s.ns.enter_command([program("supctl"), "-s", s.socket, "events", "good"]), env=s.env)
    watch = Terminal(s.ns.enter_command([program("supctl"), "-s", s.socket, "status", "--watch"]),
                     env=dict(s.env, TERM="xterm"))
    watch.expect(r"good +\x1b\[32mRUNNING\x1b\[0m")
    s.wait(lambda: json.loads(s.ok("--json", "stats"))["subscribers"] == 2)
    s.ok("stop", "good")
    events.expect(r"good RUNNING -> STOPPING \(by hand\)")
    events.expect(r"good exited pid \d+: terminated by SIGTERM")
    events.expect(r"good STOPPING -> STOPPED")
    watch.expect(r"\x1b\[H\x1b\[J[^\x00]*good +\x1b\[2mSTOPPED")
    assert "w:w_" not in events.seen
    s.stop()
    assert events.ended() == 0 and watch.ended() == 0
    events.close()
    watch.close()


def watching(s, *args, rows=40, term="xterm"):
    return Terminal(s.ns.enter_command([program("supctl"), "-s", s.socket, "status", "--watch", *args]),
                    env=dict(s.env, TERM=term), rows=rows)


def test_watch_shows_how_the_times_go_on(s):
    t = watching(s, "good")
    shown = set()
    while len(shown) < 4:
        shown.add(t.expect(r"good +\S+ +\d+ +(\S+)s +0 +-\S*\r\n\x1b\[J").group(1))
        t.seen = ""
    t.close()


def test_watch_fits_a_small_terminal(s):
    t = watching(s, rows=6)
    t.expect(r"^\.\.\. and 5 more\x1b\[K\r$")
    assert "w:w_02" not in t.seen
    t.close()


def test_watch_on_a_terminal_that_can_nothing(s):
    t = watching(s, "good", "w:w_00", term="dumb")
    t.expect(r"good +RUNNING")
    s.wait(lambda: s.ask("stats")[1]["subscribers"] == 1)
    s.ok("stop", "w:w_00")
    t.expect(r"w:w_00 +STOPPED")
    assert "\x1b" not in t.seen
    t.close()


def test_watch_of_names_that_are_not_known(s):
    check(s.ctl("status", "--watch", "nosuch"), 4, r"\A\Z", "nosuch: no such process")


@pytest.mark.parametrize("args", [["events"], ["status", "--watch"]])
def test_a_connection_that_was_dropped_is_not_the_end_of_supd(s, args):
    double = Double(s.path("double.sock"), b"1 ok seq=0\n", b"1 ok\n")
    check(s.ns.enter([program("supctl"), "-s", s.path("double.sock"), *args], env=s.env), 1,
          err="supd closed the connection, since it was not read for too long")
    double.close()
    assert double.asked[1] == b"1\tping\n"


def test_tail_says_who_may_have_ended(s):
    """supd-log has the connection, and may be killed."""
    t = Terminal(s.ns.enter_command([program("supctl"), "-s", s.socket, "tail", "-f", "good"]), env=s.env)
    t.expect("said good")
    s.kill(s.ask("stats")[1]["log_pid"])
    t.expect("supd-log, which sends the output, was started again; run it once more")
    assert t.ended() == 4
    t.close()


def test_tail_follows_over_a_clear(s):
    t = Terminal(s.ns.enter_command([program("supctl"), "-s", s.socket, "tail", "-f", "good"]), env=s.env)
    t.expect("said good")
    s.ok("clear", "good")
    s.ok("restart", "good")
    t.expect("said good\r\nsaid good")
    t.close()


def test_start_shows_what_was_said_on_either_stream(sup):
    s = sup("""[supd]
[supervisord]
childlogdir=%(here)s
[program:out]
command=/bin/sh -c 'echo on stdout; exit 3'
autostart=false
startretries=0
stderr_logfile=%(here)s/old.log
[program:one]
command=/bin/sh -c 'echo on stdout; echo on stderr >&2; exit 3'
autostart=false
startretries=0
redirect_stderr=true
""")
    s.write("old.log", "of last year\n")
    done = check(s.ctl("start", "out"), 7)
    assert "(stderr):\n   of last year\n" in done.stderr and "(stdout):\n   on stdout\n" in done.stderr
    done = check(s.ctl("start", "one"), 7)
    assert done.stderr.count("last output of one") == 1 and "   on stdout\n   on stderr\n" in done.stderr


def test_colours(s):
    force = dict(s.env, CLICOLOR_FORCE="1")
    assert "\x1b[32mRUNNING\x1b[0m" in s.ctl("status", env=force).stdout
    t = Terminal(s.ns.enter_command([program("supctl"), "-s", s.socket, "status"]),
                 env=dict(s.env, TERM="xterm", NO_COLOR="1"))
    t.ended()
    assert "RUNNING" in t.seen and "\x1b" not in t.seen
    t.close()


def test_narrow_terminal(s):
    s.ctl("start", "missing")
    t = Terminal(s.ns.enter_command([program("supctl"), "-s", s.socket, "status", "missing"]),
                 env=dict(s.env, NO_COLOR="1"), columns=70)
    t.ended()
    lines = t.seen.replace("\r", "").splitlines()
    assert max(len(line) for line in lines) == 70 and lines[1].endswith("\u2026")
    t.close()


def test_interactive_shell(s):
    # nsenter, which stands between the terminal and supctl, must outlive Ctrl-C
    t = Terminal(["env", "--ignore-signal=INT", *s.ns.enter_command([program("supctl"), "-s", s.socket])],
                 env=dict(s.env, TERM="xterm", HOME=s.dir))
    t.expect("NAME +STATE")
    t.expect("supd> ")
    t.type("pid go\t\n")
    t.expect(rf"^{s.status()['good']['pid']}\r")
    t.type("tail -f good\n")
    t.expect("said good")
    t.type("\x03")
    t.expect("supd> ")
    t.type("stat\t\t")
    t.expect("stats +status|status +stats")
    t.type("us once\nquit\n")
    t.expect("once +\\S*EXITED")
    assert t.ended() == 3
    t.close()
    assert "status once" in s.read(".supctl_history").replace("\\040", " ")


def test_shell_from_a_pipe(s):
    done = s.ns.enter([program("supctl"), "-s", s.socket], env=s.env, input="stop good\nstatus good\n")
    check(done, 3, r"\Agood: stopped\nNAME ")
    done = s.ns.enter([program("supctl"), "-s", s.socket], env=s.env, input="start good\nquit\nbogus\n")
    check(done, 0, r"\Agood: started\n\Z")


def test_broken_pipe_is_quiet(s):
    done = s.run("bash", "-c", f"{program('supctl')} -s {s.socket} config | true; echo ${{PIPESTATUS[0]}}", env=s.env)
    assert done.stderr == "" and int(done.stdout) in (0, 128 + signal.SIGPIPE)
