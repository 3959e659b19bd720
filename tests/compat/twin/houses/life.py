"""Starts, states, retries and ends of programs, as the main log tells them; no client is needed."""
import os
import re

from ..house import FOLDER, HEAD, House, program

TWICE = f"""#!/bin/sh
echo x >> {FOLDER}/$1.count
[ $(wc -l < {FOLDER}/$1.count) -ge $2 ] && exec $4 $5 1000
exit $3
"""

house = House("life", HEAD + "".join([
    program("tooquick", "sh -c 'exit 0'", startretries=1, startsecs=5),
    program("single", "sh -c 'exit 7'", startretries=0, startsecs=5),
    program("asexpected", "sh -c 'sleep 2.4; exit 3'", exitcodes="0,3"),
    program("surprise", "sh -c 'sleep 2.4; exit 4'", autorestart="false"),
    program("nocodes", "sh -c 'sleep 2.4; exit 0'", exitcodes="", autorestart="false"),
    program("again", "/run/w/twice.sh again 3 0 sleep", startsecs=0, autorestart="true"),
    program("untilgood", "/run/w/twice.sh untilgood 2 5 true", startsecs=0, exitcodes=0),
    program("never", "/run/w/twice.sh never 9 5 sleep", startsecs=0, autorestart="false"),
    program("segv", "sh -c 'ulimit -c 0; sleep 2.4; kill -SEGV $$'", autorestart="false"),
    program("killed", "sh -c 'sleep 2.4; kill -KILL $$'", autorestart="false"),
    program("steady", "sleep 1000", startsecs=2),
    program("manual", "sleep 1000", autostart="false"),
    program("nofile", "/no/such/file", startretries=0),
    program("folder", "/tmp", startretries=0),
    program("notexec", "/run/w/plain.txt", startretries=0),
    program("noquote", "sh -c 'x", startretries=0),
    program("notallowed", "/run/w/noexec/x", startretries=0),
    program("notfound", "surely-not-there --now", startretries=0),
    program("nopath", "sh -c true", environment="PATH=/no/such", startretries=0),
    program("nothashbang", "/run/w/nothashbang", startretries=0),
    program("nochdir", "/bin/true", directory="/no/such/folder", startretries=0),
    program("later", "/run/w/later", startretries=20),
]), files={
    "twice.sh": TWICE, "plain.txt": "text\n",
    "nothashbang": b"echo hello\n"}, before="chmod 755 /run/w/nothashbang && mkdir /run/w/noexec && "
    "mount -t tmpfs -o noexec tmpfs /run/w/noexec && cp /bin/true /run/w/noexec/x")

FAILED = [("nofile", "can't find command '/no/such/file'"), ("folder", "command at '/tmp' is a directory"),
          ("notexec", "command at '/run/w/plain.txt' is not executable"),
          ("notallowed", "no permission to run command '/run/w/noexec/x'"),
          ("noquote", "can't parse command \"sh -c 'x\": No closing quotation"),
          ("notfound", "can't find command 'surely-not-there'"), ("nopath", "can't find command 'sh'")]


def ended(t, name, pattern):
    t.wait_log(rf"{pattern}.*\b{name}\b|\b{name}\b.*{pattern}")
    return [line for line in t.life(name) if "success" not in line]


@house.scenario
def too_quick_is_a_failure_whatever_the_code(t):
    t.see("life", ended(t, "tooquick", "gave up"))


@house.scenario
def no_retries_is_one_start(t):
    t.see("life", ended(t, "single", "gave up"))


@house.scenario
def exit_codes(t):
    for name in ("asexpected", "surprise", "nocodes"):
        t.wait_log(f"exited: {name}")
    t.see("expected", t.life("asexpected"))
    t.see("unexpected", t.life("surprise"))
    t.see("nocodes", t.life("nocodes"))


@house.scenario
def restarts_after_an_exit(t):
    t.wait(lambda: t.read("again.count").count("x") == 3)
    t.wait_log("spawned: 'again'", 3)
    t.see("always", [line for line in t.life("again") if "success" not in line])
    t.wait_log("exited: untilgood", 2)
    t.see("unexpected", [line for line in t.life("untilgood") if "success" not in line])
    t.see("never", ended(t, "never", "exited"))


@house.scenario
def ended_by_a_signal(t):
    for name in ("segv", "killed"):
        t.see(name, ended(t, name, "exited"))


@house.scenario
def success_after_startsecs(t):
    t.wait_log("success: steady")
    t.see("life", t.life("steady"))
    t.see("manual", t.life("manual"))


@house.scenario
def what_cannot_be_started(t):
    for name, why in FAILED:
        t.wait_log(f"gave up: {name}")
        t.see(name, [line for line in t.lines(f"gave up: {name}|spawnerr: {re.escape(why)}")])
        t.differs("has no pid", name, bool(t.pid_of(name)), False, name != "noquote")
    t.see("all", sorted(t.lines(r"spawnerr: (?!.*(later|chdir|nothashbang))")))


@house.scenario
def what_fails_in_the_child(t):
    for name, step in (("nothashbang", "exec"), ("nochdir", "chdir")):
        t.wait_log(f"gave up: {name}")
        text = "\n".join(t.lines(f"{name}|cannot {step}|no/such/folder"))
        t.differs("fails in the child", name, text,
                  lambda text, name=name: f"exited: {name} (exit status 127; not expected)" in text,
                  lambda text, step=step: f"cannot {step}" in text and "exit status" not in text)


@house.scenario
def what_appears_later_is_started(t):
    t.wait_log("spawnerr: .*/run/w/later")
    t.write("later.new", "#!/bin/sh\nexec sleep 1000\n")
    os.chmod(t.path("later.new"), 0o755)
    os.rename(t.path("later.new"), t.path("later"))
    t.wait_log("success: later")
    t.see("life", t.lines("success: later|gave up: later"))


