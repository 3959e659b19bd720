"""A container that ends with its first program, by an event listener of one line of shell."""
import contextlib
import os
import re
import signal
import subprocess

from ..daemons import LIMIT
from ..house import House, spoken
from .wild import STUB, VARIABLES

KILLER = """[supervisord]
nodaemon=true
logfile=/run/w/main.log
pidfile=/run/w/pid
[program:web]
command=nginx -g 'daemon off;'
[program:dies]
command=sh -c "sleep 2.5; exit 1"
autorestart=false
[eventlistener:processes]
command=bash -c "printf 'READY\\n' && while read line; do kill -SIGQUIT $PPID; done < /dev/stdin"
events=PROCESS_STATE_STOPPED,PROCESS_STATE_EXITED,PROCESS_STATE_FATAL
"""
killer = House("killer", KILLER, files={"bin/nginx": STUB, "w/calls": ""}, env={**VARIABLES, "WORLD": "w"})


@killer.then
def a_container_killer(t):
    t.wait_log("received SIGQUIT")
    t.wait(lambda: t.status is not None)
    t.see("status", t.status)
    t.see("lines", sorted(line for line in t.lines() if not line.startswith("INFO success")))


first = House("pid1", idle=True, files={
    "bin/nginx": STUB, "w/calls": "", "killer.conf": KILLER.replace("main.log", "killer.log").replace("/pid", "/killer.pid"),
    "first.conf": """[supervisord]
nodaemon=true
logfile=/run/w/first.log
pidfile=/run/w/first.pid
[program:leaves]
command=sh -c "(sleep 0.3; exit 4) & exit 0"
startsecs=0
autorestart=false
[program:web]
command=nginx
startsecs=0
"""}, env={**VARIABLES, "WORLD": "w"})


def as_pid_1(t, conf):
    """supervisord as the first process of a container of its own: a Popen of who waits for it."""
    return subprocess.Popen(["unshare", "--pid", "--fork", "--mount-proc", *t.command, "-c", conf], cwd=t.folder,
                            env=t.env_of_its_own(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


@first.scenario
def a_container_killer_as_pid_1(t):
    with as_pid_1(t, "killer.conf") as running:
        t.see("status", running.wait(LIMIT))
    lines = [line for line in spoken(t.read("killer.log")) if not line.startswith("INFO success")]
    t.see("lines", sorted(lines))
    t.see("pid 1", re.findall(r"started with pid \d+", t.read("killer.log")))


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(word) for word in f.read().split()]


@first.scenario
def what_programs_leave_is_reaped(t):
    with as_pid_1(t, "first.conf") as running:
        t.wait_file("first.log", "spawned: 'web'")
        [inner] = children_of(running.pid)
        try:
            t.wait_file("first.log", "exited: leaves")

            def alone():
                with contextlib.suppress(FileNotFoundError):  # one has just gone
                    return all(os.readlink(f"/proc/{pid}/exe").endswith(("sleep", "supd-log", "supd-agent"))
                               for pid in children_of(inner))
                return False
            if t.real:
                t.wait_file("first.log", "reaped unknown pid")
            t.wait(alone)
        finally:
            os.kill(inner, signal.SIGTERM)
        t.see("status", running.wait(LIMIT))
    lines = spoken(t.read("first.log"))
    t.differs("reaped unknown pid", "said", [line for line in lines if "reaped" in line],
              ["INFO reaped unknown pid N (exit status 4)"], [])
    t.see("lines", sorted(line for line in lines if "reaped" not in line and "success" not in line))
