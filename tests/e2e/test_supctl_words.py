"""What supctl makes of words that it does not know, and of surroundings that are not as they should be."""
import json
import os
import re
import signal
import subprocess

import pytest

from harness.double import Double
from harness.supervised import ROOT, program
from harness.terminal import Terminal

CONF = """[supd]
[supervisord]
childlogdir=%(here)s
[program:good]
command=/bin/sleep 1000
startsecs=0
[program:fails]
command=/bin/sh -c 'echo run >> %(here)s/runs; exit 3'
autostart=false
startretries=5
backoff=1h
[program:late]
command=/bin/sh -c 'while [ ! -e %(here)s/fail ]; do sleep 0.05; done; echo late words; exit 4'
autostart=false
startsecs=3600
"""


@pytest.fixture
def s(sup):
    one = sup(CONF)
    one.wait_state("good", "RUNNING")
    return one


def alone(*args, **kw):
    """supctl where no supd is, nor any namespace."""
    env = {"PATH": os.environ["PATH"], "SUPD_SOCKET": "/nowhere/supd.sock", **kw.pop("env", {})}
    return subprocess.run([program("supctl"), *args], env=env, capture_output=True, text=True, timeout=30, check=False, **kw)


@pytest.mark.parametrize("args,err", [
    (["stop", "all", "-x"], "stop: no such option: -x"),
    (["restart", "all", "--hard"], "restart: no such option: --hard"),
    (["status", "-w"], "status: no such option: -w"),
    (["start", "--json", "a"], "start: no such option: --json"),
    (["--json", "start", "a"], "start prints no JSON"),
    (["wait", "a", "--time", "1s"], "wait: no such option: --time"),
    (["listeners", "a"], "usage: supctl listeners"),
])
def test_a_word_with_a_dash_is_no_name(args, err):
    """Before anything is asked of anybody: a word that is not understood stops nothing."""
    done = alone(*args)
    assert done.returncode == 2 and err in done.stderr and not done.stdout


@pytest.mark.parametrize("command", ["stop", "shutdown", "reload", "tail", "probe", "signal", "upgrade"])
@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_behind_a_command_explains_it(command, word):
    done = alone(command, word)
    assert done.returncode == 0 and done.stdout.startswith(f"usage: supctl {command}") and not done.stderr


def test_help_is_a_word_of_any_place():
    assert alone("stop", "all", "--help").stdout == alone("help", "stop").stdout


def test_json_behind_the_command(s):
    for words in (["version"], ["stats"], ["status", "good"], ["explain", "good"], ["config", "good"], ["orphans"], ["listeners"]):
        done = s.ctl(*words, "--json")
        assert done.returncode == 0 and type(json.loads(done.stdout)) is type(json.loads(s.ctl("--json", *words).stdout)), words
    t = Terminal(s.ctl_command("status", "--watch", "--json", "good"), env=s.env)
    t.expect(r'\[\s+\{\s+"name": "good"')
    t.close()


def page():
    with open(os.path.join(ROOT, "docs/man/supctl.1.in"), encoding="utf-8") as f:
        return f.read()


def plain(mdoc):
    """The text of a part of the page."""
    text = re.sub(r"^\.\w\w ", "", mdoc, flags=re.M).replace("\n", " ").replace("\\-", "-")
    return re.sub(r" ([,:;.])", r"\1", text).strip().rstrip(".")


def test_the_page_has_the_exit_codes_of_the_help():
    part = page()
    part = part[part.index(".Sh EXIT STATUS"):part.index(".El", part.index(".Sh EXIT STATUS"))]
    written = {m[0]: plain(m[1]).lower() for m in re.findall(r"^\.It (\d+)\n(.*?)(?=^\.It|\Z)", part, re.M | re.S)}
    shown = alone("help").stdout.split("exit codes:\n")[1]
    assert written == {m[0]: m[1].lower() for m in re.findall(r"^  (\d+)  (.*)$", shown, re.M)} and len(written) == 9


def test_the_page_has_the_commands_that_print_json():
    part = page()
    part = part[part.index("Print JSON"):part.index("know it, before or after")]
    written = set(re.findall(r"[a-z]+", " ".join(re.findall(r"^\.Ic (.*)$", part, re.M) + [part.split("and\n.Ic ")[1]]))) - {"run"}
    shown = re.search(r"print JSON \(([^)]*)\)", alone("help").stdout).group(1)
    assert written == set(re.findall(r"[a-z]+", shown)) and len(written) == 14


def test_the_page_holds_the_arguments_together():
    """A command's arguments are one argument of the macro, whatever stands in them."""
    lines = [line for line in alone("--print-commands").stdout.splitlines() if line.startswith(".It Ic ")]
    assert len(lines) > 30 and all(re.fullmatch(r'\.It Ic [a-z]+( Ar "[^"]+")?', line) for line in lines), lines


def test_start_waits_for_what_is_starting(s):
    """It is not up before it is up: what somebody else has begun may fail."""
    with s.wire() as wire:
        wire.sock.sendall(b"a start late wait=0\nb start late\nc ping\n")
        assert [wire.line() for _ in range(3)] == ["a + name=late\tcode=OK", "a ok", "c ok"]
        s.write("fail", "")
        assert wire.line() == "b + name=late\tcode=SPAWN_ERROR\ttext=exited too quickly: exit status 4"


def test_start_does_not_wait_for_a_retry(s):
    """In BACKOFF: tried now, and told how that went."""
    assert s.ctl("start", "fails").returncode == 7
    assert s.state("fails") == "BACKOFF"
    done = s.ctl("start", "fails")
    assert done.returncode == 7 and "fails: ERROR (exited too quickly: exit status 3)" in done.stderr
    assert s.read("runs") == "run\nrun\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_output_that_is_closed_is_not_the_socket(s, closed):
    """A descriptor that is free would be taken for the connection, and what is printed would be said to supd."""
    double = Double(s.path("double.sock"), b"1 + name=a\tcode=OK\n1 + name=b\tcode=FAILED\ttext=9 shutdown\n1 ok failed=1\n")
    s.run("sh", "-c", f'"$0" -s "$1" stop a {closed}; echo $? > "$1".status', program("supctl"), s.path("double.sock"), env=s.env)
    s.wait_file("double.sock.status", r"^1$")
    double.close()
    assert double.asked == [b"1\tstop\ta\n"] and not double.rest


def test_output_that_cannot_be_written_is_said(s):
    for words, code in ((["status", "good"], 1), (["status", "fails"], 3)):
        done = s.run("sh", "-c", '"$@" >/dev/full', "sh", *s.ctl_command(*words), env=s.env)
        assert done.returncode == code and "cannot write to standard output: No space left on device" in done.stderr


def test_what_is_no_socket(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file"):
        done = alone("-s", str(path), "status")
        assert done.returncode == 4 and "is no socket" in done.stderr and "stale" not in done.stderr
    done = alone("-s", "@no-such-name", "status")
    assert done.returncode == 4 and "nobody listens on the abstract name @no-such-name" in done.stderr


def test_who_is_not_root_is_told_of_roots_supd(s):
    """It is not their default, and "not running" alone would be no help at all."""
    make = "mount -t tmpfs none /run && python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"/run/supd.sock\")' && "
    nobody = "exec setpriv --reuid=65533 --regid=65533 --clear-groups \"$0\" status"
    env = {k: v for k, v in s.env.items() if k != "SUPD_SOCKET"}
    done = s.run("unshare", "-m", "sh", "-c", make + nobody, program("supctl"), env=env)
    assert done.returncode == 4 and "there is /run/supd.sock, which is root's: use sudo" in done.stderr, done.stderr
    done = s.run("unshare", "-m", "sh", "-c", "mount -t tmpfs none /run && " + nobody, program("supctl"), env=env)
    assert done.returncode == 4 and "which is root's" not in done.stderr


def test_a_reader_may_not_upgrade(sup):
    s = sup(CONF.replace("[supd]", "[supd]\nsocket_group=nogroup"))
    done = s.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *s.ctl_command("upgrade"), env=s.env)
    assert done.returncode == 6 and "upgrade needs root" in done.stderr
    done = s.ctl("upgrade", "/etc/passwd/x")
    assert done.returncode == 1 and "/etc/passwd/x: Not a directory" in done.stderr


def test_supd_that_does_not_answer(sup):
    """It says so and waits; the shell that completes a word does neither."""
    s = sup(CONF, pid1=False)
    s.send(signal.SIGSTOP)
    t = Terminal(s.ctl_command("pid"), env=s.env)
    done = s.ctl("complete", "status", "go", timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    t.expect(r"supd \(pid \d+\) does not answer; waiting for it")
    s.send(signal.SIGCONT)
    assert t.ended() == 0
    t.close()


def test_events_of_names_that_are_not_there(s):
    t = Terminal(s.ctl_command("events", "good", "nosuch"), env=s.env)
    t.expect("nosuch: no such process now; waiting for one")
    s.wait(lambda: s.ask("stats")[1]["subscribers"] == 1)
    s.ok("stop", "good")
    t.expect("good STOPPING -> STOPPED")
    t.close()


@pytest.mark.parametrize("rows,columns", [(0, 0), (24, 30)])
def test_watch_on_odd_terminals(s, rows, columns):
    """One that does not know its size has one all the same; on a narrow one no line becomes two."""
    t = Terminal(s.ctl_command("status", "--watch"), env=dict(s.env, TERM="xterm"), rows=rows, columns=columns)
    t.expect(r"\x1b\[H\x1b\[\?7lNAME[^\x1b]*\x1b\[K\r\n[\s\S]*good[\s\S]*late[\s\S]*\x1b\[J\x1b\[\?7h")
    t.close()


def test_lines_of_a_file(s):
    done = s.ns.enter(s.ctl_command(), env=s.env, input="# a remark\n  # one more\n\npid good\n")
    assert done.returncode == 0 and re.fullmatch(r"\d+\n", done.stdout) and not done.stderr
    done = s.ns.enter(s.ctl_command(), env=s.env, input="stop \"good\n")
    assert done.returncode == 2 and "a quote is not closed" in done.stderr and s.state("good") == "RUNNING"


@pytest.mark.parametrize("word", ["HUP", "-HUP", "-1"])
def test_signals_as_kill_takes_them(s, word):
    assert s.ok("signal", word, "good") == "good: signalled\n"
    s.wait(lambda: s.status()["good"].get("exit") == "terminated by SIGHUP")


def test_words_that_are_offered(s):
    """The words that a completion offers are those that the command takes."""
    for words, offered in ((["status", "--"], {"--watch", "--json"}), (["wait", "--"], {"--timeout"}), (["stop", "--"], set()),
                           (["tail", "-"], {"-f"}), (["alerts", "un"], {"unack", "unsilence"}), (["agent", ""], {"ping"}),
                           (["remove", ""], {"good", "fails", "late"}), (["update", "a"], {"all"}), (["stop", "a"], {"all"})):
        assert set(s.ok("complete", *words).split()) == offered, words


SET = """type=oneshot
depends_on=good,late:started
after=fails
ready_timeout=5m
notify_access=main
limit_nofile=100:200 optional
limit_cpu=1h:unlimited
nice=5
ionice=best-effort:6
oom_score_adj=100 optional
cpu_affinity=0
capabilities=chown,kill
no_new_privileges=true
memory_high=64MB optional
read_only_paths=/etc,/usr optional
private_tmp=true optional
log_prefix=true
log_format=json
log_overflow=block
sigpipe=ignore
stdin=null
stdout_logfile_gzip=true
stderr_events_enabled=true
stdout_capture_maxbytes=4096
"""
SHOWN = {"depends_on": "good:ready,late:started", "after": "fails:ready", "limit_cpu": "3600s:unlimited", "memory_high": "67108864 optional"}


def test_config_shows_what_is_set(sup):
    """What is off by default stands there when it is on, in words that the configuration takes."""
    s = sup(CONF + "[program:all]\ncommand=/bin/true\nautostart=false\n" + SET +
            "[program:told]\ncommand=/bin/true\nautostart=false\nready=notify\nwatchdog=20s\n"
            "[program:fd]\ncommand=/bin/true\nautostart=false\nready=fd:3\n"
            "[program:log]\ncommand=/bin/true\nautostart=false\nready=command:pg_isready -q\n")
    wanted = {**dict(line.split("=", 1) for line in SET.splitlines()), **SHOWN}
    lines = s.ok("config", "all").splitlines()
    shown = dict(line.split("=", 1) for line in lines if "=" in line)
    assert {k: shown.get(k) for k in wanted} == wanted
    assert not set(wanted) & set(dict(line.split("=", 1) for line in s.ok("config", "good").splitlines() if "=" in line))
    rows = {r["name"]: r for r in json.loads(s.ok("config", "told", "fd", "log", "all", "--json"))}
    assert (rows["told"]["ready"], rows["told"]["watchdog"]) == ("notify", "20s") and rows["all"]["nice"] == 5
    assert (rows["fd"]["ready"], rows["log"]["ready"]) == ("fd:3", "command:pg_isready -q")
    s.write("again.conf", CONF + "[program:all]\ncommand=/bin/true\n" +
            "".join(f"{k}={v}\n" for k, v in shown.items() if k in wanted))
    done = s.ctl("check", s.path("again.conf"))
    assert done.returncode == 0, done.stderr


def test_while_supd_shuts_down(sup):
    """What is asked then is answered: why nothing starts, and what it waits for."""
    s = sup(CONF + "[program:stays]\ncommand=/bin/sh -c 'trap : TERM; while :; do sleep 0.1; done'\nstartsecs=0\nstopwaitsecs=60\n", pid1=False)
    s.wait_state("stays", "RUNNING")
    t = Terminal(s.ctl_command("tail", "-f", "good"), env=s.env)
    s.ok("shutdown")
    s.wait_state("good", "STOPPED")
    for words in (["start", "good"], ["restart", "good"], ["update"], ["reload"], ["reread"], ["add", "good"]):
        done = s.ctl(*words)
        assert (done.returncode, done.stderr) == (1, "supctl: supd is shutting down\n"), words
    told = s.ok("explain", "stays", "good")
    assert re.search(r"^stays: told to stop by the shutdown .* SIGTERM sent, SIGKILL in \d+s\. supd is shutting down: nothing", told, re.M), told
    assert re.search(r"^good: stopped .* supd is shutting down: nothing is started any more\.$", told, re.M), told
    assert "it is shutting down already; what is left is killed" in s.ok("shutdown")
    assert s.wait_exit() == 0 and t.ended() == 4
    t.close()
