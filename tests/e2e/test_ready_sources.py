"""ready=fd:N and ready=pidfile:PATH: what makes a program RUNNING without a word of systemd's."""
import os

import pytest

from harness.beacon import conf
from harness.namespace import command_of
from harness.supervised import program
from harness.speaking import speak, speaker, touch
from harness.textagent import SCRIPT, TextAgent
from harness.upgrading import crash, upgrade


@pytest.mark.caps
@pytest.mark.parametrize("user", ["root", "nobody"])
def test_a_newline_on_a_descriptor(sup, user):
    s = speak(sup, "say:3:half", "await:go", "newline:3", "close:3", "stay", ready="fd:3", user=user)
    assert s.wait_state("web", "STARTING")["pid"]
    upgrade(s)
    assert s.state("web") == "STARTING"
    touch(s, "go")
    s.wait_state("web", "RUNNING")


def test_descriptors_and_the_end(sup):
    """Any number; the last word before the end counts; one that closes it without a word will not be ready."""
    s = sup(conf(speaker("high", "newline:900", "stay", ready="fd:900"),
                 speaker("quick", "newline:4", "exit:3", ready="fd:4", autorestart="false"),
                 speaker("mute", "close:3", "stay", ready="fd:3"),
                 speaker("other", "close:3", "await:go", "exit:0", ready="fd:3", startretries=0)))
    s.wait_state("high", "RUNNING")
    assert s.wait_state("quick", "EXITED")["exitcode"] == 3
    s.wait_log("mute will not become ready: it closed descriptor 3 without a newline")
    s.wait_log("other will not become ready")
    assert s.state("mute") == "STARTING"
    assert "it closed descriptor 3 without a newline" in s.ok("explain", "mute")
    touch(s, "go")
    s.wait_state("other", "FATAL")


def test_nothing_else_is_handed_down(sup):
    s = sup(conf("[program:web]\ncommand=/bin/sh -c 'ls -l /proc/self/fd >fds; echo >&3; exec sleep 1000'\n"
                 "directory=%(here)s\nready=fd:3\n"))
    s.wait_state("web", "RUNNING")
    assert sorted(line.split()[8] for line in s.read("fds").splitlines()[1:]) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("how", [upgrade, pytest.param(crash, marks=pytest.mark.release)])
def test_a_pid_file(sup, how):
    """A number of its own makes it ready; the one of an earlier run, or of somebody else, does not."""
    s = sup(conf(speaker("web", "await:go", "pid:web.pid", "stay", ready="pidfile:%(here)s/web.pid"),
                 speaker("child", "await:go", "orphan", "pid:child.pid", "stay", ready="pidfile:%(here)s/child.pid"),
                 speaker("none", "stay", ready="pidfile:%(here)s/none.pid", ready_timeout="500ms", startretries=0)),
            ready=False)
    s.wait_ready()
    s.write("web.pid", "1\n")
    s.write("child.pid", "no number\n")
    s.wait(lambda: "web.pid names no process of it" in s.ok("explain", "web"))
    s.wait(lambda: "child.pid holds no number" in s.ok("explain", "child"))
    s.wait_state("none", "FATAL")
    how(s)
    assert (s.state("web"), s.state("child")) == ("STARTING", "STARTING")
    touch(s, "go")
    s.wait_state("web", "RUNNING")
    s.wait_state("child", "RUNNING")
    assert "web.pid" not in s.ok("explain", "web")



@pytest.mark.caps
def test_a_command(sup):
    """Run as the program's user until it succeeds; how it fails is said; it ends with the program."""
    ask = "/bin/sh -c 'echo asked $MARK as; id -un; test -e go'"
    s = sup(conf(speaker("web", "stay", ready=f"command:{ask}", user="nobody", environment="MARK=once",
                         stdout_logfile="%(here)s/web.log"),
                 speaker("none", "stay", ready="command:/no/such/file", ready_timeout="1s", startretries=0),
                 speaker("slow", "await:end", "exit:0", ready="command:sleep 1000", startretries=0)))
    s.wait(lambda: "its command failed: exit status 1" in s.ok("explain", "web"))
    s.wait(lambda: "its command does not start: cannot execute /no/such/file: No such file or directory"
           in s.ok("explain", "none"))
    assert s.state("web") == "STARTING"
    s.wait_file("web.log", r"asked once as\nnobody\n")
    upgrade(s)
    touch(s, "go")
    s.wait_state("web", "RUNNING")
    s.wait_state("none", "FATAL")
    s.wait(lambda: "sleep 1000" in map(command_of, s.pids))
    touch(s, "end")
    s.wait_state("slow", "FATAL")
    s.wait(lambda: "sleep 1000" not in map(command_of, s.pids))


AGENT = """#!/bin/sh
[ -e %(dir)s/down ] && exit 1
exec AGENT "$@"
"""


def test_a_probe_and_no_agent(sup):
    """It is ready while its probe is OK; while nobody asks, it is not, and that is said."""
    server = "/usr/bin/python3 -m http.server 8080 --bind 127.0.0.1"
    s = sup("[supervisord]\n[probe:up]\ntype=tcp\naddress=127.0.0.1:8080\nprogram=web\ninterval=1s\n"
            f"[program:web]\ncommand=/bin/sh -c 'while [ ! -e go ]; do sleep 0.05; done; exec {server}'\n"
            "directory=%(here)s\nready=probe:up\nstartsecs=0\n" +
            speaker("user", "stay", depends_on="web:ready"), agent=AGENT.replace("AGENT", program("supd-agent")))
    s.wait(lambda: "its probe up has no success yet" in s.ok("explain", "web") or
           "its probe up has failed" in s.ok("explain", "web"))
    assert s.state("web") == "STARTING" and s.status()["user"]["pid"] == 0
    touch(s, "go")
    s.wait_state("web", "RUNNING")
    s.wait_state("user", "RUNNING")
    touch(s, "down")
    s.kill(s.ask("stats")[1]["agent_pid"])
    s.wait(lambda: s.status()["web"].get("not_ready"))
    assert "nobody asks the probe up: supd-agent is not there" in s.ok("explain", "web")
    assert s.state("web") == "RUNNING"
    os.unlink(s.path("down"))
    s.wait(lambda: not s.status()["web"].get("not_ready"), 20)
    # a new instance is not ready for what the probe found out about the one before
    os.unlink(s.path("go"))
    s.ok("signal", "KILL", "web")
    s.wait(lambda: s.status()["web"]["restarts"] == 1)
    s.wait(lambda: s.status()["web"].get("health") == "WAITING")
    assert s.state("web") == "STARTING"
    touch(s, "go")
    s.wait_state("web", "RUNNING")


def test_a_probe_of_the_instance_before(sup):
    """What a probe found out about one instance comes late: it does not make the next one ready."""
    check = "import sys\nif '--check' in sys.argv: sys.exit(0)\n"
    s = sup("[supervisord]\n[probe:up]\ntype=tcp\naddress=127.0.0.1:8080\nprogram=web\n" +
            speaker("web", "stay", ready="probe:up", autorestart="true"),
            ready=False, agent=SCRIPT.replace("\nimport", "\n" + check + "import", 1))
    s.write("asks", "")
    s.wait_ready()
    agent, asked = TextAgent(s), []

    def says(state, pid):
        asked.append(f"health web up {state} found pid={pid}")
        agent.ask(asked[-1])
        s.wait(lambda: agent.channel(f"^channel q{len(asked) - 1} ok"), what=lambda: agent.lines()[-5:])

    first = s.wait(lambda: s.status()["web"]["pid"])
    says("OK", first)
    s.wait_state("web", "RUNNING")
    says("FAILED", first)
    assert s.status()["web"]["not_ready"]
    s.kill(first)
    second = s.wait(lambda: s.status()["web"]["restarts"] == 1 and s.status()["web"]["pid"])
    says("OK", first)
    says("OK", 0)
    assert s.state("web") == "STARTING"
    says("OK", second)
    s.wait_state("web", "RUNNING")
