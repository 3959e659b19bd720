"""Debian's supervisorctl against both: every command, its output to the column, its exit status."""
import os
import re
import select
import signal
import subprocess

from ..daemons import LIMIT
from ..house import HEAD, SERVER, House, program

manual = {"autostart": "false", "startsecs": 1}
house = House("ctl", HEAD + SERVER + "".join([
    program("up", "/run/w/says.sh", stdout_logfile="/run/w/up.log", stderr_logfile="/run/w/up.err", startsecs=0),
    program("echo", "cat", stdout_logfile="/run/w/echo.log", startsecs=0),
    program("manual", "sleep 1000", **manual), program("twice", "sleep 1000", **manual), program("third", "sleep 1000", **manual),
    program("missing", "/no/such", autostart="false", startretries=0),
    program("never", "/no/such", autostart="false"),
    program("plainfile", "/run/w/supervisord.conf", autostart="false", startretries=0),
    program("dies", "sh -c 'exit 1'", startretries=0, startsecs=5, autostart="false"),
    program("over", "sh -c 'exit 3'", startsecs=0, autorestart="false"),
    program("fatal", "/no/such", startretries=0),
    program("cleared", "cat", stdout_logfile="/run/w/cleared.log", startsecs=0),
    program("nolog", "sleep 1000", startsecs=0), program("followed", "sleep 1000", startsecs=0, autorestart="false"),
    program("a_name_that_is_longer_than_thirty_columns", "sleep 1000", autostart="false"),
    program("m", "sleep 1000", numprocs=2, process_name="m%(process_num)d", **manual),
    program("n", "sleep 1000", numprocs=2, process_name="n%(process_num)d", startsecs=0),
    program("trap", "/run/w/trap.sh", stdout_logfile="/run/w/trap.log", startsecs=0),
]), files={"says.sh": "#!/bin/sh\nseq -f 'line %g' 1 300\necho error >&2\nexec cat\n",
           "trap.sh": "#!/bin/sh\ntrap 'echo got hup' HUP\necho ready\nwhile :; do sleep 0.05; done\n"})


def shown(result):
    status, text = result
    text = re.sub(r"[A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M", "WHEN", text)
    return [status, [re.sub(r"pid N+", "pid N", line) for line in text.splitlines()]]


def ready(t):
    t.wait_log("exited: over")
    t.wait_log("gave up: fatal")
    t.wait_file("up.log", "line 300")


@house.scenario
def status(t):
    ready(t)
    for words in (["fatal"], ["over"], ["up", "never"], ["nosuch"], ["n:nosuch"], ["n:*"], ["n:"], ["nosuch:*"],
                  ["up", "nosuch"], ["fatal", "nosuch"], ["a_name_that_is_longer_than_thirty_columns", "up"], ["n"]):
        t.see(" ".join(words), shown(t.ctl("status", *words)))


@house.scenario
def start_and_stop(t):
    for words in (["start", "manual"], ["start", "manual"], ["status", "manual"], ["stop", "manual"], ["stop", "manual"],
                  ["restart", "manual"], ["stop", "manual"], ["start", "missing"], ["start", "plainfile"], ["start", "dies"], ["status", "dies"],
                  ["start", "nosuch"], ["stop", "nosuch"], ["start", "nosuch:*"], ["stop", "nosuch:*"], ["start"], ["stop"],
                  ["restart"], ["restart", "nosuch"], ["start", "twice", "nosuch", "third"], ["stop", "twice", "third", "nosuch"]):
        if words == ["status", "dies"]:
            t.wait_state("dies", "FATAL")
        t.see(f"{len(t.seen)} {' '.join(words)}", shown(t.ctl(*words)))


@house.scenario
def a_group(t):
    for words in (["start", "m:*"], ["start", "m:*"], ["status", "m:*"], ["pid", "m:m0", "nosuch"], ["restart", "m:*"], ["stop", "m:*"],
                  ["stop", "m:*"], ["start", "m:"], ["stop", "m:m0", "m:m1"]):
        status_, lines = shown(t.ctl(*words))
        t.see(f"{len(t.seen)} {' '.join(words)}", [status_, sorted(re.sub(r"^\d+$", "N", x) for x in lines)])


@house.scenario
def signal_and_pid(t):
    t.wait_file("trap.log", "ready")
    for words in (["signal", "HUP", "trap"], ["signal", "SIGHUP", "trap", "nosuch"], ["signal", "NOPE", "trap"], ["signal", "HUP"],
                  ["signal"], ["signal", "HUP", "fatal"], ["signal", "HUP", "nosuch:*"], ["pid", "fatal"], ["pid", "nosuch"]):
        t.see(" ".join(words), shown(t.ctl(*words)))
    t.wait_file("trap.log", "got hup")
    t.see("pid", t.ctl("pid") == [0, f"{t.pid}\n"])
    code, text = t.ctl("pid", "trap")
    t.see("pid trap", [code, text == f"{t.pid_of('trap')}\n"])


@house.scenario
def logs(t):
    ready(t)
    for words in (["tail", "up"], ["tail", "-20", "up"], ["tail", "-0", "up"], ["tail", "up", "stderr"], ["tail", "up", "other"],
                  ["tail", "nosuch"], ["tail", "nolog"], ["tail"], ["tail", "-x", "up"], ["tail", "a", "b", "c", "d"],
                  ["tail", "m:nosuch"], ["maintail", "-x"], ["maintail", "a", "b"]):
        t.see(" ".join(words), shown(t.ctl(*words)))
    code, text = t.ctl("maintail")
    t.see("maintail", [code, len(text) > 500])
    t.see("maintail -10", t.ctl("maintail", "-10")[0])


@house.scenario
def clear(t):
    ready(t)
    for words in (["clear", "missing"], ["clear", "nosuch"], ["clear", "nosuch:*"], ["clear"], ["clear", "cleared", "nosuch"]):
        t.see(" ".join(words), shown(t.ctl(*words)))


@house.scenario
def small_commands(t):
    for words in (["version"], ["avail"], ["nonsense"], ["help"], ["help", "status"], ["help", "nosuch"], ["reread", "x"], ["add"],
                  ["remove"], ["open"], ["open", "nonsense"], ["update", "nosuch"], ["reload", "x"], ["shutdown", "x"], ["quit"],
                  ["add", "up"], ["remove", "up"], ["remove", "nosuch"]):
        t.see(" ".join(words), shown(t.ctl(*words)))


def real_ctl(t, *words, **kw):
    return t.run("/usr/bin/supervisorctl", "-c", "/run/w/supervisord.conf", *words, **kw)


@house.scenario
def the_shell(t):
    ready(t)
    typed = "status up\nversion\nnonsense\n\nstart nosuch\nstatus nosuch:*\npid nosuch\nexit\n"
    done = real_ctl(t, input=typed)
    said = re.sub(r"(?s)^.*?supervisor> ", "", done.stdout, count=1)
    t.see("said", [done.returncode, re.sub(r"pid \d+, uptime \S+", "pid N", said), done.stderr])


def follow(t, command, wanted, act, pattern):
    with subprocess.Popen(["/usr/bin/supervisorctl", "-c", "/run/w/supervisord.conf", *command], env={**t.env, "PYTHONUNBUFFERED": "1"}, cwd=t.folder,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        text = b""
        for step in (wanted, pattern):
            while step not in text:
                got = select.select([running.stdout], [], [], LIMIT)[0] and os.read(running.stdout.fileno(), 4096)
                if not got:
                    running.kill()
                assert got, f"no {step!r}: {text!r}"
                text += got
            if step is wanted:
                act(running)
        running.send_signal(signal.SIGINT)
        t.call("supervisor.sendProcessStdin", "echo", "woken\n")  # it looks around only when something comes
        text += running.stdout.read()
        return [running.wait(), text.decode()]


@house.scenario
def following_a_log(t):
    t.wait_log("spawned: 'echo'")

    def act(_):
        t.call("supervisor.sendProcessStdin", "up", "later\n")
    ready(t)
    code, text = follow(t, ["tail", "-f", "up"], b"line 300\n", act, b"later\n")
    t.see("tail -f", [code, text.split("\n")[0], text.split("line 300\n")[1].split("\n")[0]])
    t.see("no log", shown(t.ctl("tail", "-f", "nolog"))[0])
    code, text = follow(t, ["tail", "-f", "up", "stderr"], b"error\n", lambda _: None, b"error\n")
    t.see("tail -f stderr", [code, text.split("\n")[:2]])


@house.scenario
def following_the_main_log(t):
    def act(_):
        t.call("supervisor.signalProcess", "followed", "TERM")
    t.wait_executed("followed")
    code, text = follow(t, ["maintail", "-f"], b"<==", act, b"exited: followed (terminated by SIGTERM; not expected)\n")
    t.see("maintail -f", [code, text.split("\n")[0], re.findall("exited: followed.*", text)])


@house.scenario
def foreground(t):
    t.wait_log("spawned: 'echo'")

    def act(running):
        running.stdin.write(b"typed\n")
        running.stdin.flush()
    code, text = follow(t, ["fg", "echo"], b"==> Press Ctrl-C to exit <==", act, b"typed\n")
    lines = [line for line in text.splitlines() if "Cannot" not in line and "woken" not in line]  # which of its threads is first
    t.see("typed", [code, lines])
    for words in (["fg"], ["fg", "nosuch"], ["fg", "fatal"], ["fg", "a", "b"]):
        t.see(" ".join(words), shown(t.ctl(*words)))


@house.scenario
def nobody_there(t):
    for url in ("unix:///run/w/none.sock", "http://127.0.0.1:9"):
        for words in (["status"], ["start", "up"], ["version"], ["shutdown"], ["reread"], ["avail"]):
            t.see(f"{url} {words}", [part if isinstance(part, int) else part.replace("\n", " ").split(",")[0]
                                     for part in t.ctl(*words, url=url)])


@house.then
def all_of_them(t):
    for words in (["status"], ["signal", "CONT", "all"], ["clear", "all"], ["stop", "all"], ["stop", "all"], ["pid", "all"], ["status", "all"],
                  ["start", "all"], ["restart", "all"]):
        t.wait_all_executed()
        code, lines = shown(t.ctl(*words))
        lines = [re.sub(r"^\d+$", "N", line) for line in lines]
        if words[1:] == ["all"] and words[0] in ("start", "restart"):
            code = code > 0  # the last one's that failed: who that is, is a matter of time
        lines = [line for line in lines if not line.startswith("over")]  # ended by the time of the answer, or not
        t.see(f"{len(t.seen)} {' '.join(words)}", [code, lines if words[0] == "status" else sorted(lines)])


@house.then
def shutdown(t):
    t.see("shutdown", shown(t.ctl("shutdown")))
