"""Who is left behind: descendants that left the process group of their program."""
import json
import os
import re
import signal

import pytest

from harness import cgroups
from harness.beacon import conf, program, record, wait_record
from harness.namespace import command_of, status_of
from harness.supervised import tool
from harness.waiting import wait

KERNEL = tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2])


def shell(text):
    """A program that runs this script of the private folder."""
    return f"/bin/sh -c '{text}'"


def named(s, n):
    """The pids, outside, of the processes that sleep n seconds."""
    return [p for p in s.pids if command_of(p) == f"sleep {n}" and status_of(p, "State")[:1] != ["Z"]]


def up(s, n, many=1):
    """Waits until so many of them are there; their pids."""
    return wait(lambda: named(s, n) if len(named(s, n)) == many else None, 20,
                lambda: f"{many} of sleep {n}: {named(s, n)}; log:\n{s.log_text()}")


# each sleeps 4711 seconds somewhere outside of its program's process group
ESCAPES = {
    "setsid": "setsid sleep 4711 & exec sleep 1000",
    "double fork": "(setsid sleep 4711 &); exec sleep 1000",
    "no mark": "env -i setsid sleep 4711 & exec sleep 1000",
    "other user": "(setsid setpriv --reuid 65534 --regid 65534 --clear-groups sleep 4711 &); exec sleep 1000",
}


@pytest.mark.caps
@pytest.mark.parametrize("pid1", [True, False])
@pytest.mark.parametrize("how", ESCAPES)
def test_stop_ends_who_escaped(sup, pid1, how):
    s = sup(conf(program("a", command=shell(ESCAPES[how]), startsecs=0)), pid1=pid1)
    up(s, 4711)
    s.ok("stop", "a")
    assert not named(s, 4711)


def orphans(s, *names):
    return {int(r["pid"]): r for r in s.ask("orphans", *names)[0]}


def test_who_left_whom(sup):
    """supctl orphans says whose each is; one that nobody left is of nobody."""
    s = sup(conf(program("a", command=shell("setsid sleep 4711 & exec sleep 1000"), startsecs=0),
                 program("b", command=shell("(setsid sleep 4712 &); exec sleep 1000"), startsecs=0)))
    up(s, 4711)
    free = s.ns.inner(up(s, 4712)[0])
    assert s.run("sh", "-c", "setsid sleep 4713 >/dev/null 2>&1 &").returncode == 0
    stray = s.ns.inner(up(s, 4713)[0])
    wait(lambda: set(orphans(s)) == {free, stray}, 10, lambda: orphans(s))
    got = orphans(s)
    assert (got[free]["program"], got[free]["command"], got[free]["parent"]) == ("b", "sleep 4712", 1)
    assert got[free]["former_parent"] == s.status()["b"]["pid"] and got[free]["known_by"] == "environment"
    assert (got[stray]["program"], got[stray]["former_parent"], got[stray]["known_by"]) == ("", 0, "")
    assert set(orphans(s, "b")) == {free} and not orphans(s, "a")
    rows = json.loads(s.ok("orphans", "b", "--json"))
    assert [(r["pid"], r["program"], r["uid"]) for r in rows] == [(free, "b", 0)]
    assert re.search(rf"^b +{free} .* sleep 4712 *$", s.ok("orphans"), re.M)
    assert "there are no orphans" in s.ok("orphans", "a")
    assert s.ctl("orphans", "nobody").returncode == 1


def test_who_cannot_be_told(sup):
    """Neither mark nor parent: a stop leaves it alone, since it may be another's; it is shown."""
    s = sup(conf(program("a", command=shell("(env -i setsid sleep 4711 &); exec sleep 1000"), startsecs=0)))
    free = s.ns.inner(up(s, 4711)[0])
    wait(lambda: free in orphans(s), 10, "it is an orphan")
    s.ok("stop", "a")
    assert orphans(s)[free]["program"] == "" and named(s, 4711)


def test_the_log_says_who_left_whom(sup):
    s = sup(conf(program("a", command=shell("setsid sh -c \"sleep 4711; :\" & exec sleep 1000"), startsecs=0)))
    up(s, 4711)
    leader = s.status()["a"]["pid"]
    s.ok("stop", "a")
    s.wait_log(rf"a: pid \d+ \(sh -c sleep 4711; :\) was left behind by pid {leader}; it gets SIGTERM")
    parent = re.search(r"a: pid (\d+) \(sh -c", s.log_text()).group(1)
    s.wait_log(rf"a: pid \d+ \(sleep 4711\) was left behind by pid {parent}; it gets SIGTERM")
    assert not named(s, 4711)


@pytest.mark.parametrize("pid1", [True, False])
def test_others_are_left_alone(sup, pid1):
    """What another program left, and what its running leader has, is not touched by a stop."""
    text = "setsid sleep %d & (setsid sleep %d &); exec sleep 1000"
    s = sup(conf(program("a", command=shell(text % (4711, 4712)), startsecs=0),
                 program("b", command=shell(text % (4713, 4714)), startsecs=0)), pid1=pid1)
    others = [up(s, n)[0] for n in (4713, 4714)]
    for n in (4711, 4712):
        up(s, n)
    s.ok("stop", "a")
    assert not named(s, 4711) and not named(s, 4712)
    assert [named(s, n) for n in (4713, 4714)] == [[p] for p in others]
    s.ok("stop", "b")
    assert not named(s, 4713) and not named(s, 4714)


def test_who_ignores_term(sup):
    """The program's own stop sequence holds for those who left it, too."""
    s = sup(conf(program("a", command=shell("(setsid sh %(here)s/deaf &); exec sleep 1000"), startsecs=0, autostart="false",
                         stopsignals="TERM:300ms,KILL")))
    s.write("deaf", "trap 'echo told >>told' TERM\necho >ready\nwhile :; do sleep 4711; done\n")
    s.ok("start", "a")
    s.wait_file("ready")
    up(s, 4711)
    s.ok("stop", "a")
    assert s.read("told").startswith("told") and not named(s, 4711)
    assert not [p for p in s.pids if "deaf" in command_of(p)]


@pytest.mark.parametrize("pid1", [True, False])
def test_after_a_crash(sup, pid1):
    """What a leader that died by itself left outside of its group is ended soon; its successor does
    not wait for that, and keeps its own."""
    s = sup(conf(program("a", command=shell("setsid sleep 4712 & (setsid sleep 4711 &); exec sleep 1000"), startsecs=0,
                         autorestart="true")), pid1=pid1)
    first = up(s, 4711) + up(s, 4712)
    s.kill(s.status()["a"]["pid"])
    wait(lambda: s.status()["a"]["restarts"] == 1 and not set(first) & set(s.pids), 20, s.log_text)
    assert len(up(s, 4711)) == 1 and len(up(s, 4712)) == 1
    s.wait_log(r"a: pid \d+ \(sleep 4711\) was left behind by pid \d+, which is dead; ending it")
    assert s.status()["a"]["restarts"] == 1


@pytest.mark.parametrize("pid1", [True, False])
def test_report(sup, pid1):
    """orphans=report: said once, whose they are, and left alone."""
    s = sup(conf(program("a", command=shell("sleep 4710 & setsid sleep 4711 & (setsid sleep 4712 &); exec sleep 1000"),
                         startsecs=0, orphans="report")), pid1=pid1)
    for n in (4710, 4711, 4712):
        up(s, n)
    assert s.ask("config", "a")[0][0]["orphans"] == "report"
    s.ok("stop", "a")
    for n in (4710, 4711, 4712):
        s.wait_log(rf"a: pid \d+ \(sleep {n}\) was left behind by pid \d+; it runs on, as orphans=report says")
        assert named(s, n)
    s.ok("start", "a")
    up(s, 4711, 2)
    s.ok("stop", "a")
    wait(lambda: s.log_text().count("(sleep 4711) was left behind") == 2, 10, s.log_text)
    assert s.log_text().count("(sleep 4710) was left behind") == 2
    assert {r["program"] for r in orphans(s).values()} == {"a"} and len(orphans(s)) == 6
    for n in (4710, 4711, 4712):
        for pid in named(s, n):
            os.kill(pid, signal.SIGKILL)


def test_keep_says_nothing(sup):
    s = sup(conf(program("a", command=shell("(setsid sleep 4711 &); exec sleep 1000"), startsecs=0, orphans="keep")))
    up(s, 4711)
    s.ok("stop", "a")
    assert named(s, 4711) and "left behind" not in s.log_text()


@pytest.mark.release
def test_a_thousand(sup):
    text = "i=0; while [ $i -lt 1000 ]; do setsid sleep 4711 & i=$((i+1)); done; echo >%(here)s/made; exec sleep 1000"
    s = sup(conf(program("a", command=shell(text), startsecs=0)))
    s.wait_file("made", timeout=60)
    up(s, 4711, 1000)
    s.ok("stop", "a")
    assert not named(s, 4711)
    s.wait_log(r"and 980 more processes that were left behind")


def chain(sup, stopsignals="TERM:100ms,KILL", **kw):
    """A program that has left a chain behind in which each process forks the next one and ends."""
    s = sup(conf(program("a", command=shell(f"(setsid {tool('chain')} %(here)s/lit &); exec sleep 1000"),
                         startsecs=0, stopsignals=stopsignals), program("b", startsecs=0)), **kw)
    wait_record(s, "b", "start")
    wait(lambda: os.path.exists(s.path("lit")), 10, s.log_text)
    return s


def test_a_fork_bomb(sup):
    """Faster than any search: the stop gives up in its time and says so, unless it was lucky."""
    s = chain(sup)
    s.expect_log("survived SIGKILL")
    s.ok("stop", "a")
    assert s.status()["a"]["state"] == "STOPPED" and s.status()["b"]["restarts"] == 0
    if any("/chain" in command_of(p) for p in s.pids):
        s.wait_log("a: processes (left behind by pid|come and go faster)")
    assert s.stop() == 0  # which as PID 1 ends it all the same


SHORT = "i=0; while [ $i -lt 40 ]; do (setsid sleep 4711 &); i=$((i+1)); done; exec sleep 1000"


@pytest.mark.skipif(KERNEL < (6, 14), reason="pid_max is the whole machine's before Linux 6.14")
def test_numbers_that_come_again(sup):
    """With some 100 free pids each number is somebody else's soon: nobody else is signalled."""
    names = [f"w{i}" for i in range(6)]
    s = sup(conf(program("a", command=shell(SHORT), startsecs=0, stdin="null"),
                 program("fast", command="/bin/true", startsecs=0, autorestart="true", stdin="null"),
                 *(program(n, startsecs=0) for n in names)), before="echo 400 >/proc/sys/kernel/pid_max")
    for name in names:
        wait_record(s, name, "start")
    for _ in range(4):
        up(s, 4711, 40)
        s.ok("restart", "a")
    s.ok("stop", "a")
    assert not named(s, 4711)
    assert {e.what for e in record(s)} == {"start"} and len(record(s)) == len(names)


def test_shutdown_leaves_nothing(sup):
    """As PID 1, whatever programs have left, whether or not anybody knows whose it is."""
    text = "trap : TERM; (env -i setsid sh -c \"trap : TERM; while :; do sleep 4711; done\" &); " \
        "(setsid sleep 4712 &); exec sleep 1000"
    s = sup(conf(program("a", command=shell(text), startsecs=0), program("b", command=shell(text), startsecs=0,
                 orphans="keep"), supd="shutdown_timeout=3s"))
    up(s, 4711, 2)
    up(s, 4712, 2)
    assert s.stop(timeout=12) == 0
    assert not s.left()


def test_a_shutdown_that_meets_the_deaf(sup):
    """Within shutdown_timeout, though those who were left ignore TERM and have an hour."""
    s = sup(conf(program("a", command=shell("(setsid sh %(here)s/deaf &); exec sleep 1000"), startsecs=0, autostart="false",
                         stopwaitsecs=3600), supd="shutdown_timeout=1s"), pid1=False)
    s.write("deaf", "trap : TERM\necho >ready\nwhile :; do sleep 4711; done\n")
    s.ok("start", "a")
    s.wait_file("ready")
    up(s, 4711)
    assert s.stop(timeout=12) == 0
    assert "shutdown_timeout is over" in s.log_text()
    assert not named(s, 4711)


def test_the_search_survives_an_upgrade(sup):
    """A stop under way goes on in the next supd."""
    s = sup(conf(program("a", command=shell("(setsid sh %(here)s/deaf &); exec sleep 1000"), startsecs=0, autostart="false",
                         stopsignals="TERM:2s,KILL")))
    s.write("deaf", "trap : TERM\necho >ready\nwhile :; do sleep 4711; done\n")
    s.ok("start", "a")
    s.wait_file("ready")
    up(s, 4711)
    s.ask("stop", "a", "wait=0")
    s.wait_log(r"deaf\) was left behind by pid \d+; it gets SIGTERM")
    s.ok("upgrade")
    s.wait_state("a", "STOPPED", timeout=20)
    assert not named(s, 4711)


@pytest.fixture
def cgroup():
    """A control group that is supd's; it has to come before sup among the arguments of a test."""
    group = cgroups.delegated()
    yield group
    group.close()


@pytest.mark.caps
@pytest.mark.parametrize("how", ESCAPES)
def test_a_control_group_ends_who_escaped(cgroup, sup, how):
    """Each program has one of its own, and nobody gets out of it, mark or no mark."""
    s = sup(conf(program("a", command=shell(ESCAPES[how]), startsecs=0), program("b", startsecs=0)),
            prefix=cgroup.enter())
    wait_record(s, "b", "start")
    up(s, 4711)
    assert sorted(cgroup.below().values()) == [0, 1, 2]
    s.ok("stop", "a")
    assert not named(s, 4711) and s.status()["b"]["restarts"] == 0
    assert sorted(cgroup.below().values()) == [0, 0, 1]
    s.ok("restart", "b")
    assert s.stop() == 0
    assert not cgroup.below()


def test_a_control_group_ends_a_fork_bomb(cgroup, sup):
    """It is not given up before its KILL, however many looks could not tell."""
    s = chain(sup, "TERM:800ms,KILL", prefix=cgroup.enter())
    s.ok("stop", "a")
    wait(lambda: not any("/chain" in command_of(p) for p in s.pids), 5, s.log_text)
    assert sorted(cgroup.below().values()) == [0, 0, 1]
    assert not re.search("a: processes (left behind by pid|come and go faster)", s.log_text())


def test_a_control_group_tells_whose_it_is(cgroup, sup):
    s = sup(conf(program("a", command=shell("(env -i setsid sleep 4711 &); exec sleep 1000"), startsecs=0)),
            prefix=cgroup.enter())
    free = s.ns.inner(up(s, 4711)[0])
    wait(lambda: free in orphans(s), 10, "it is an orphan")
    got = orphans(s)[free]
    assert (got["program"], got["known_by"]) == ("a", "cgroup")


def test_a_control_group_after_a_crash_and_an_upgrade(cgroup, sup):
    s = sup(conf(program("a", command=shell("(env -i setsid sleep 4711 &); exec sleep 1000"), startsecs=0,
                         autorestart="true")), prefix=cgroup.enter())
    first = up(s, 4711)[0]
    s.ok("upgrade")
    s.kill(s.status()["a"]["pid"])
    wait(lambda: s.status()["a"]["restarts"] == 1 and named(s, 4711) not in ([], [first]), 20, s.log_text)
    assert len(named(s, 4711)) == 1
    s.ok("stop", "a")
    assert not named(s, 4711)


def test_a_group_that_may_not_be_used(cgroup, sup):
    """Read-only, as in most containers: nothing is said, and the search does it."""
    s = sup(conf(program("a", command=shell(ESCAPES["double fork"]), startsecs=0, autorestart="false")),
            before=f"echo 0 >{cgroup.path}/cgroup.procs; mount --bind {cgroups.mounted()} "
            f"{cgroups.mounted()} && mount -o remount,bind,ro {cgroups.mounted()}")
    up(s, 4711)
    assert not cgroup.below()
    s.ok("stop", "a")
    assert not named(s, 4711)
    assert not re.search(r" (WARN|ERRO|CRIT) (?!stopped)", s.log_text())
