"""ready=log:REGEX: a line of a program's output makes it RUNNING; supd-agent looks for it."""
import os
import re

import pytest

from harness.beacon import conf
from harness.speaking import speak, speaker, touch, wait_touched
from harness.supervised import program
from harness.upgrading import crash, upgrade

KILLABLE = """#!/bin/sh
[ -e %(dir)s/dead ] && exit 1
while [ -e %(dir)s/down ]; do : >%(dir)s/agent/here; sleep 0.02; done
exec AGENT "$@"
"""


def killable():
    return KILLABLE.replace("AGENT", program("supd-agent"))


def line(text, fd=1):
    return (f"say:{fd}:{text}", f"newline:{fd}")


@pytest.mark.caps
def test_a_line(sup):
    """Of stdout or stderr, from the very first byte; each process by its own; what waits starts then."""
    s = sup(conf(speaker("web", "await:go", *line("listening on port 80"), "stay", numprocs=2,
                         process_name="%(program_name)s_%(process_num)d", ready="log:port [0-9]+$"),
                 speaker("err", *line("no", 2), *line("it is up", 2), "stay", ready="log:^it is up", stdout_logfile="NONE",
                         stderr_logfile="NONE"),
                 speaker("both", *line("up", 2), "stay", ready="log:^up$", redirect_stderr="true"),
                 speaker("part", "say:1:up", "touch:said", "await:go", "newline:1", "stay", ready="log:^up$"),
                 speaker("user", "stay", depends_on="web:ready")))
    s.wait_state("err", "RUNNING")
    s.wait_state("both", "RUNNING")
    wait_touched(s, "said")
    assert s.status()["user"]["pid"] == 0
    s.wait(lambda: "Not ready: no line of its output matches 'port [0-9]+$' so far." in s.ok("explain", "web:web_0"))
    assert {s.state(n) for n in ("web:web_0", "web:web_1", "part")} == {"STARTING"}
    touch(s, "go")
    for name in ("web:web_0", "web:web_1", "part", "user"):
        s.wait_state(name, "RUNNING")
    assert "Not ready" not in s.ok("explain", "web:web_0")


def test_never_missed_never_another_runs(sup):
    """A program that says it at once, started again and again; and one that says it in its first run only."""
    s = sup(conf(speaker("quick", *line("up"), "stay", ready="log:^up$"),
                 "[program:once]\ndirectory=%(here)s\nready=log:^up$\nstartretries=9\nbackoff=10ms\nautorestart=true\n"
                 "command=/bin/sh -c 'test -e ran && exec sleep 1000; echo up; touch ran; exec sleep 1000'\n"))
    s.wait_state("once", "RUNNING")
    for starts in range(2, 12):
        s.kill(s.wait_state("quick", "RUNNING")["pid"])
        s.wait(lambda starts=starts: s.status()["quick"]["starts"] == starts)
    s.wait_state("quick", "RUNNING")
    s.kill(s.status()["once"]["pid"])
    s.wait(lambda: s.status()["once"]["starts"] == 2 and s.status()["once"]["pid"])
    s.wait(lambda: "no line of its output matches" in s.ok("explain", "once"))
    assert s.state("once") == "STARTING"


def test_the_agent_is_away(sup):
    """Nobody looks meanwhile, which is said; what was printed then comes to the next agent; what was lost is said."""
    s = sup(conf(speaker("early", *line("begin"), "touch:begun", "await:more", *line("up"), "stay", ready="log:^up$"),
                 speaker("late", "await:go", *line("up"), "touch:said", "stay", ready="log:^up$"),
                 speaker("done", *line("up"), "stay", ready="log:^up$")), agent=killable())
    s.wait_state("done", "RUNNING")
    wait_touched(s, "begun")
    touch(s, "dead")
    s.kill(s.ask("stats")[1]["agent_pid"])
    s.wait(lambda: "nobody looks for '^up$' in its output: supd-agent is not there" in s.ok("explain", "late"))
    assert s.state("done") == "RUNNING" and not s.status()["done"].get("not_ready")
    touch(s, "down")
    os.unlink(s.path("dead"))
    wait_touched(s, "agent/here")  # one is there, and does not look yet
    touch(s, "go")
    wait_touched(s, "said")
    assert s.state("late") == "STARTING"
    os.unlink(s.path("down"))
    s.wait_state("late", "RUNNING", timeout=20)
    s.wait(lambda: "its output was skipped in part" in s.ok("explain", "early"))
    assert s.state("early") == "STARTING"
    touch(s, "more")
    s.wait_state("early", "RUNNING")


@pytest.mark.parametrize("how", [upgrade, pytest.param(crash, marks=pytest.mark.release)])
def test_while_supd_changes(sup, how):
    s = speak(sup, *line("begin"), "await:go", *line("up"), "stay", ready="log:^up$")
    s.wait(lambda: "no line of its output matches" in s.ok("explain", "web"))
    pid = s.status()["web"]["pid"]
    how(s)
    touch(s, "go")
    assert s.wait_state("web", "RUNNING")["pid"] == pid
    how(s)
    assert s.state("web") == "RUNNING" and "Not ready" not in s.ok("explain", "web")


def test_it_takes_too_long(sup):
    s = speak(sup, *line("down"), "stay", ready="log:^up$", ready_timeout="300ms", startretries=0)
    s.wait_state("web", "FATAL")


@pytest.mark.parametrize("value, error", [
    ("log:up (", r"supd\.conf:4: program:web\.ready: log: .*missing closing parenthesis"),
    ("log:", r"supd\.conf:4: program:web\.ready: 'log:' needs more, as in log:listening on port"),
])
def test_a_wrong_expression(sup, value, error):
    """Is an error of the configuration, with its line, also when it comes with an update."""
    s = sup(conf(speaker("web", "stay")))
    s.write("supd.conf", f"[supervisord]\n[program:web]\ncommand=sleep 1000\nready={value}\n")
    done = s.ctl("update")
    assert done.returncode and re.search(error, done.stdout + done.stderr), \
        done.stdout + done.stderr
    s.wait_state("web", "RUNNING")
