"""How programs are stopped: signals in their order and time, groups, and who is left behind."""
import signal
import subprocess

import pytest

from harness.beacon import conf, gaps, late, near, program, record, starts, wait_record
from harness.namespace import status_of
from harness.waiting import wait


def signals(s, name):
    return [e.what for e in record(s, name) if e.what.startswith("SIG") and e.what != "SIGCONT"]


def up(s, *names):
    for name in names:
        s.wait_state(name, "RUNNING")
        wait_record(s, name, "start")  # from here on it takes signals


def test_stopsignal(sup):
    s = sup(conf(program("a", stopsignal="INT", startsecs=0), program("b", startsecs=0),
                 program("c", "exit=7", stopsignal="QUIT", startsecs=0)))
    up(s, "a", "b", "c")
    s.ok("stop", "a", "b", "c")
    assert [signals(s, n) for n in "abc"] == [["SIGINT"], ["SIGTERM"], ["SIGQUIT"]]
    got = s.status()
    assert {got[n]["state"] for n in "abc"} == {"STOPPED"}
    assert got["c"]["exit"] == "exit status 7" and got["a"]["restarts"] == 0
    s.wait_log(r"stopped: a \(exit status 0\)")
    s.wait_log(r"stopped: c \(exit status 7\)")


def test_sequence(sup):
    s = sup(conf(program("stubborn", "ignore=TERM,INT", stopsignals="TERM:1500ms,INT:500ms,KILL",
                         startsecs=0),
                 program("second", "ignore=TERM", stopsignals="TERM:600ms,INT:9s", startsecs=0),
                 program("long", "ignore=TERM", stopsignals="TERM:50ms," * 15 + "INT:30s", startsecs=0)))
    up(s, "stubborn", "second", "long")
    s.ok("stop", "stubborn", "second", "long")
    assert signals(s, "long")[-1] == "SIGINT"  # the sixteenth step
    assert signals(s, "stubborn") == ["SIGTERM", "SIGINT"]
    term, interrupt = [e for e in record(s, "stubborn") if e.what in ("SIGTERM", "SIGINT")]
    # each is written down when the program gets to it, so this may come out shorter, too
    assert abs(interrupt.ms - term.ms - 1500) <= late()
    assert s.status()["stubborn"]["exit"] == "terminated by SIGKILL"
    s.wait_log(r"killing 'stubborn' \(\d+\) with SIGKILL")
    # the second step was enough
    assert [e.what for e in record(s, "second") if e.what != "SIGCONT"] == \
        ["start", "SIGTERM", "SIGINT", "end"]


def test_stopwaitsecs(sup):
    s = sup(conf(program("deaf", "ignore=TERM", stopwaitsecs=1, startsecs=0),
                 program("slow", "slow=700", stopwaitsecs=5, startsecs=0)))
    up(s, "deaf", "slow")
    s.ok("stop", "deaf", "slow")
    assert s.status()["deaf"]["exit"] == "terminated by SIGKILL"
    assert s.status()["slow"]["exit"] == "exit status 0"


def test_stop_while_waiting_for_a_retry(sup):
    s = sup(conf(program("bad", "run=1 exit=1", backoff="1h")))
    s.wait_state("bad", "BACKOFF")
    s.ok("stop", "bad")
    assert s.status()["bad"]["state"] == "STOPPED"
    assert len(starts(s, "bad")) == 1


def test_stopasgroup(sup):
    s = sup(conf(program("all", "member=", stopasgroup="true", startsecs=0),
                 program("leader", "member=", orphans="keep", startsecs=0)))
    up(s, "all", "leader")
    wait_record(s, "all.member", "start")
    member = wait_record(s, "leader.member", "start")[0].pid
    s.ok("stop", "all", "leader")
    wait_record(s, "all.member", "SIGTERM")
    assert signals(s, "leader.member") == [] and s.ns.outer(member) in s.pids
    s.kill(member)


def test_killasgroup(sup):
    keys = {"stopwaitsecs": 1, "orphans": "keep", "startsecs": 0}
    s = sup(conf(program("all", "ignore=TERM member=TERM", killasgroup="true", **keys),
                 program("leader", "ignore=TERM member=TERM", **keys)))
    up(s, "all", "leader")
    both = {n: wait_record(s, n + ".member", "start")[0].pid for n in ("all", "leader")}
    s.ok("stop", "all", "leader")
    wait(lambda: s.ns.outer(both["all"]) not in s.pids, 5, "the group was killed")
    assert s.ns.outer(both["leader"]) in s.pids
    s.kill(both["leader"])


@pytest.mark.parametrize("pid1", [True, False])
def test_a_stopped_program_is_continued(sup, pid1):
    s = sup(conf(program("frozen", stopwaitsecs=8, startsecs=0)), pid1=pid1)
    pid = s.wait_state("frozen", "RUNNING")["pid"]
    wait_record(s, "frozen", "start")
    s.kill(pid, signal.SIGSTOP)
    wait(lambda: status_of(s.ns.outer(pid), "State")[:1] == ["T"], 5, "it is stopped")
    s.ok("stop", "frozen")
    got = s.status()["frozen"]
    assert (got["state"], got["exit"]) == ("STOPPED", "exit status 0")


@pytest.mark.caps
@pytest.mark.parametrize("pid1", [True, False])
def test_orphans_kill(sup, pid1):
    """The leader dies; a member that ignores TERM is ended before the next instance starts."""
    s = sup(conf(program("a", "run=1500 exit=1 member=TERM", stopwaitsecs=1, orphans="kill",
                         autorestart="true")), pid1=pid1)
    first = wait_record(s, "a.member", "start")[0]
    second = wait_record(s, "a", "start", 2)[1]
    ended = record(s, "a", "end")[0]
    assert [e.what for e in record(s, "a.member") if e.pid == first.pid and e.what != "SIGCONT"] == \
        ["start", "SIGTERM"]
    assert near([second.ms - ended.ms], [1000])
    assert s.ns.outer(first.pid) is None
    s.ok("stop", "a")
    left = {p for e in record(s) for p in [s.ns.outer(e.pid)] if p in s.pids}
    assert not left


def test_orphans_kill_on_stop(sup):
    s = sup(conf(program("a", "member=TERM", stopwaitsecs=1, orphans="kill", startsecs=0)))
    up(s, "a")
    member = wait_record(s, "a.member", "start")[0].pid
    s.ok("stop", "a")
    wait(lambda: s.ns.outer(member) is None, 5, "the member is gone")


@pytest.mark.parametrize("startsecs, state", [(0, "EXITED"), (30, "BACKOFF")])
def test_stop_while_leftovers_are_ended(sup, startsecs, state):
    """A stop between two instances waits for what the first one left, and nothing is started then."""
    s = sup(conf(program("a", "run=300 exit=1 member=TERM", stopwaitsecs=60, startsecs=startsecs, autorestart="true",
                         orphans="kill")))
    member = wait_record(s, "a.member", "SIGTERM")[0].pid
    assert s.state("a") == state
    stop = subprocess.Popen(s.ns.enter_command(s.ctl_command("stop", "a")), stdout=subprocess.PIPE, text=True)
    s.wait_state("a", "STOPPING")
    assert "others of its process group" in s.ok("explain", "a")
    assert stop.poll() is None and s.kill(member)
    assert stop.communicate(timeout=20)[0] == "a: stopped\n" and stop.returncode == 0
    assert s.state("a") == "STOPPED" and len(starts(s, "a")) == 1


MOVES = '''
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child == 0:
    time.sleep(1000)
os.setpgid(child, child)
os.setpgid(0, child)
open(os.environ["TEST_DIR"] + "/moved", "w").write("yes")
time.sleep(1000)
'''


def test_a_leader_that_leaves_its_group(sup):
    """KILL goes to the group, and to its leader wherever that is."""
    s = sup(conf(program("a", command="/usr/bin/python3 %(here)s/moves.py", stopwaitsecs=1, orphans="kill")))
    s.write("moves.py", MOVES)
    s.wait_file("moved", "yes", timeout=20)
    s.ok("stop", "a", timeout=30)
    assert s.status()["a"]["exit"] == "terminated by SIGKILL"


def test_orphans_keep(sup):
    s = sup(conf(program("a", "run=1500 exit=1 member=TERM", orphans="keep", autorestart="true")))
    member = wait_record(s, "a.member", "start")[0].pid
    second = wait_record(s, "a", "start", 2)[1]
    assert second.ms - record(s, "a", "end")[0].ms <= late()
    assert s.ns.outer(member) in s.pids and signals(s, "a.member") == []
    s.ok("stop", "a")
    for entry in record(s, "a.member", "start"):
        s.kill(entry.pid)


def test_restart_waits_for_nobody(sup):
    """One program that takes its time to die does not hold up another."""
    s = sup(conf(program("slow", "slow=3000", stopwaitsecs=9, startsecs=0),
                 program("quick", startsecs=0)))
    up(s, "slow", "quick")
    s.ok("signal", "TERM", "slow")
    pid = s.status()["quick"]["pid"]
    s.kill(pid)
    assert gaps(wait_record(s, "quick", "start", 2))
    assert not record(s, "slow", "end")


def test_signal_does_not_change_the_state(sup):
    s = sup(conf(program("a", "member=", startsecs=0, stopasgroup="true")))
    up(s, "a")
    wait_record(s, "a.member", "start")
    s.ok("signal", "USR1", "a")
    wait_record(s, "a", "SIGUSR1")
    assert signals(s, "a.member") == []
    assert s.status()["a"]["state"] == "RUNNING"
