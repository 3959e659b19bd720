"""Metrics of real programs: their lines, exits and StatsD's datagrams, as supctl shows the windows."""
import json
import os
import signal
import socket
import time

from harness.namespace import command_of
from harness.waiting import wait

HEAD = """[supd]
[agent]
state_dir=%(here)s/state
[supervisord]
childlogdir=%(here)s
"""
# says what it finds in its file, line by line, and waits for more
TAIL = """[program:{name}]
command=/bin/sh -c "touch %(here)s/{name}.in; exec tail -c +1 -f %(here)s/{name}.in"
"""


def metrics(s):
    """name -> (total, errors, percent known) of the first window shown"""
    done = s.ctl("--json", "metrics")
    if done.returncode not in (0, 3):
        return {}
    found = {}
    for row in json.loads(done.stdout):
        found.setdefault(row["name"], row)
    return found


def counts(s, name):
    row = metrics(s).get(name)
    return (int(row["total"]), int(row["errors"])) if row else None


def say(s, name, data):
    with open(s.path(f"{name}.in"), "ab") as f:
        f.write(data)


def lines_of(program):
    return f"type=lines\nprogram={program}\nerrors=ERR$\nstream=stdout\n"


def test_lines_of_many_programs_and_of_a_group(sup):
    names = [f"p{i}" for i in range(70)]
    s = sup(HEAD + "".join(TAIL.format(name=n) for n in names) +
            "".join(f"[metric:{n}]\n" + lines_of(n) for n in names) +
            "[group:g]\nprograms=p0,p1\n[metric:group]\n" + lines_of("g"))
    s.wait(lambda: len(metrics(s)) == len(names) + 1)
    s.wait(lambda: all(os.path.exists(s.path(f"{n}.in")) for n in names))
    for n in names:
        say(s, n, b"fine\nan ERR\r\nbytes \xff\xfe\n")
    s.wait(lambda: counts(s, "group") == (6, 2))
    s.wait(lambda: counts(s, "p69") == (3, 1))
    shown = metrics(s)
    assert {n: (shown[n]["total"], shown[n]["errors"]) for n in names} == {n: ("3", "1") for n in names}


def agent_of(s):
    return s.wait(lambda: next((p for p in s.pids if "supd-agent" in command_of(p)), None))


def known(s, name):
    row = metrics(s).get(name)
    return int(row["known"].rstrip("%")) if row else None


SEEN = TAIL.format(name="p") + "[metric:m]\ncell=1s\n" + lines_of("p")
JUDGED = "[alert:a]\ntype=count\nmetric=m\nwindow=1m\nover=1000000\nseverity=info\n"


def test_an_agent_that_stood_still_does_not_know(sup):
    s = sup(HEAD + SEEN + JUDGED)
    s.wait(lambda: known(s, "m") == 100)
    agent = agent_of(s)
    os.kill(agent, signal.SIGSTOP)
    end = time.monotonic() + 4
    wait(lambda: time.monotonic() > end)
    os.kill(agent, signal.SIGCONT)
    s.wait(lambda: known(s, "m"))
    assert known(s, "m") < 100


def test_a_killed_agent_does_not_know_what_it_missed_and_keeps_the_rest(sup):
    s = sup(HEAD + SEEN)
    s.wait(lambda: os.path.exists(s.path("p.in")) and counts(s, "m"))
    say(s, "p", b"one\nERR\n")
    s.wait(lambda: counts(s, "m") == (2, 1))
    agent = agent_of(s)
    os.kill(agent, signal.SIGKILL)
    s.wait(lambda: agent_of(s) != agent and metrics(s))
    s.wait(lambda: known(s, "m") is not None)
    before = counts(s, "m")
    assert before in ((2, 1), (0, 0)), before  # written down each minute
    say(s, "p", b"two\n")
    s.wait(lambda: counts(s, "m")[0] > before[0])


def test_windows_survive_the_agent(sup):
    s = sup(HEAD + SEEN)
    s.wait(lambda: os.path.exists(s.path("p.in")) and counts(s, "m"))
    say(s, "p", b"one\nERR\n")
    s.wait(lambda: counts(s, "m") == (2, 1))
    with_it = s.read("supd.conf")
    s.write("supd.conf", HEAD.replace("[agent]\nstate_dir=%(here)s/state\n", "") + TAIL.format(name="p"))
    s.ok("update")
    s.wait(lambda: not any("supd-agent" in command_of(p) for p in s.pids))
    end = time.monotonic() + 2
    wait(lambda: time.monotonic() > end)
    s.write("supd.conf", with_it)
    s.ok("update")
    s.wait(lambda: counts(s, "m") == (2, 1))
    assert known(s, "m") < 100  # two seconds of it
    s.write("supd.conf", with_it.replace("cell=1s", "cell=2s"))
    s.ok("update")
    s.wait(lambda: counts(s, "m") == (0, 0))
    assert known(s, "m") == 100  # begun anew
