"""supd faults for real at every N-th of its transitions, inside starts, commits and reaps: a build of
its own (SUPD_FAULTS). Whatever N is, no exit status is lost, nothing runs twice, and all goes on."""
import collections
import contextlib
import os
import re

import pytest

from harness import listening
from harness.beacon import beacon, conf, program, record
from harness.namespace import command_of
from harness.upgrading import CRASHED, version
from harness.wire import Refused

RUNS = int(os.environ.get("SUPD_FAULT_RUNS", "12"))
# With one between two faults, the first commit is never made: see the keeper's test.
QUICK, SLOW = [13, 17, 23, 31, 53], [*range(2, 13), "1-11", "2-30"]


def start(sup, n, *programs, **kw):
    s = sup(conf(*programs), env={"SUPD_FAULT_EVERY": str(n)}, ready=False, **kw)
    s.expect_log(CRASHED)
    return s


def unless_calm(then, command):
    """Programs that end faster than supd can take over would keep it from answering anybody: on a slow
    machine these are many. So there is an end to that, when they have ended often enough."""
    return f"/bin/sh -c '[ -e %(here)s/calm ] && exec {then}; exec {command}'"


def calm(s):
    with open(s.path("calm"), "x", encoding="ascii"):
        pass


def count(sup, n, pid1, names, life, runs):
    """Programs that end at once, again and again: what they wrote down of their own starts and ends
    is what supd has counted, and at no time did one run twice. Returns how often supd has faulted."""
    s = start(sup, n, *(program(name, command=unless_calm(beacon(name), beacon(name, f"run={life} exit=3")),
                                startsecs=0, exitcodes=3, autorestart="true") for name in names),
              program("still", startsecs=0), pid1=pid1)
    s.wait(lambda: all(len(record(s, name, "end")) >= runs for name in names), 90)
    calm(s)
    for name in names:
        s.wait(lambda: stopped(s, name), 30)  # noqa: B023
    check(s, names)
    assert len(record(s, "still", "start")) == 1
    return len(re.findall("supd crashed", s.log_text()))


@pytest.mark.timeout(150)
@pytest.mark.parametrize("pid1", [True, False])
@pytest.mark.parametrize("n", QUICK)
def test_every_start_and_every_end_counts_once(sup, n, pid1):
    assert count(sup, n, pid1, ["w0", "w1", "w2"], 20, RUNS) >= (RUNS if n < 20 else 1)


@pytest.mark.timeout(150)
@pytest.mark.parametrize("pid1", [True, False])
@pytest.mark.parametrize("n", SLOW)
def test_hardly_anything_is_done_between_two_faults(sup, n, pid1):
    assert count(sup, n, pid1, ["w0", "w1"], 300, RUNS // 2) >= RUNS // 2


# in its group, and outside of it
LEFT = {"member": program("a", "member=TERM", startsecs=0, stopsignals="TERM:500ms,KILL"),
        "escaped": program("a", command=f"/bin/sh -c 'setsid {beacon('a.member', 'ignore=TERM')} & "
                                        f"exec {beacon('a')}'", startsecs=0, stopsignals="TERM:500ms,KILL")}


@pytest.mark.timeout(150)
@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("n", [2, 3, 6, 7, "2-12"])
def test_what_a_leader_leaves_is_ended(sup, n, left):
    """The stop ends when all of it is gone, not before, and nobody else is hit."""
    s = start(sup, n, LEFT[left], program("still", startsecs=0))
    s.wait(lambda: record(s, "a", "start") and record(s, "a.member", "start"), 30)
    s.wait(lambda: stopped(s, "a"), 60)
    assert not [p for p in s.pids if re.search(" a.member | a member=TERM$", command_of(p))]
    assert not record(s, "still", "SIGTERM") and len(record(s, "still", "start")) == 1
    s.wait(lambda: stopped(s, "still"), 60)
    assert record(s, "still", "SIGTERM") and record(s, "still", "end")


@pytest.mark.parametrize("pid1", [True, False])
def test_a_supd_that_can_do_nothing_ends_in_the_keeper(sup, pid1):
    """It faults before it has written down anything, every time; then it is told to end, and does."""
    s = sup(conf(program("a", startsecs=0)), env={"SUPD_FAULT_EVERY": "1", "SUPD_FAULT_KEEPER": "1"}, ready=False,
            pid1=pid1)
    s.expect_log(CRASHED, "supd crashed too often")
    s.wait_log("supd only keeps what runs: 0 processes")
    assert len(re.findall("supd crashed: ", s.log_text())) == 4 and not record(s)
    assert s.stop() == 0


def stopped(s, name):
    """Asks for the stop until it is done: a connection ends with the supd that it was to."""
    with contextlib.suppress(OSError, Refused):
        if s.state(name) in ("STOPPED", "EXITED"):
            return True
        s.ask("stop", name, "wait=0")
    return False


def check(s, names):
    status = s.wait(lambda: whole_status(s))
    for name in names:
        entries = [e for e in record(s, name) if e.what in ("start", "end", "SIGTERM")]
        started = [e.pid for e in entries if e.what == "start"]
        assert len(set(started)) == len(started)
        # the last one may have been stopped before it could write anything
        assert status[name]["starts"] - len(started) in (0, 1), (status[name], entries)
        assert status[name]["exits"] == status[name]["starts"]
        assert status[name]["unexpected"] <= 1
        never_two(entries)


def whole_status(s):
    """The status, or None while supd is being replaced."""
    try:
        return s.status()
    except (OSError, ConnectionError):
        return None


def never_two(entries):
    running = collections.Counter()
    for e in entries:
        if e.what == "start":
            assert not +running, f"two at once: {entries}"
            running[e.pid] += 1
        else:
            del running[e.pid]


CHATTER = "/bin/sh -c '[ -e %(here)s/calm ] && exec sleep 1000; i=0; while [ $i -lt 300 ]; do i=$((i+1)); " \
          "echo line $i; done; exit 3'"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("n", [7, 11, 17, 23])
def test_every_line_is_kept(sup, n):
    s = start(sup, n, program("w", command=CHATTER, startsecs=0, exitcodes=3, autorestart="true",
                              stdout_logfile="%(here)s/w.log", stdout_logfile_maxbytes=0))
    s.wait(lambda: s.read("w.log").count("line 300\n") >= RUNS, 90)
    calm(s)
    s.wait(lambda: stopped(s, "w"), 30)
    runs = re.split(r"(?m)^line 1\n", s.read("w.log"))[1:]
    whole = "".join(f"line {i}\n" for i in range(2, 301))
    assert all(run == whole for run in runs[:-1])
    assert whole.startswith(runs[-1])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("n", [13, 17, 20])
def test_a_shutdown_ends(sup, n):
    """It ends in order, however often supd faults on its way down."""
    s = start(sup, n, program("a", "slow=300", startsecs=0), program("b", "slow=300", startsecs=0, priority=1))
    s.wait(lambda: len(record(s, None, "start")) == 2, 30)
    s.wait(lambda: version(s))
    assert s.stop(timeout=60) == 0
    assert [len(record(s, name, "end")) for name in "ab"] == [1, 1]
    assert not [p for p in s.pids if "beacon" in command_of(p)]


COUNT = 30
SAYS = f"/bin/sh -c 'i=0; while [ $i -lt {COUNT} ]; do i=$((i+1)); printf \"@%%s-\" $i; sleep 0.03; printf \"%%s#,\" $i; " \
       "sleep 0.02; done; exec sleep 1000'"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("n", [4, 5, 6, 7, 11, "2-30"])  # a listener's step takes three
def test_every_capture_comes_once(sup, n):
    """In two parts each, and with text behind it, to two groups of listeners."""
    says = SAYS.replace("@", listening.BEGIN).replace("#", listening.END)
    keys = {"command": says, "stdout_capture_maxbytes": "1MB", "stdout_events_enabled": "true", "startsecs": 0}
    s = sup(listening.CONF + listening.listener("l", "PROCESS_COMMUNICATION,PROCESS_LOG", buffer_size=1000) +
            listening.listener("k", "PROCESS_COMMUNICATION", buffer_size=1000) +
            "[program:w]\n" + "".join(f"{k}={v}\n" for k, v in keys.items()),
            env={"SUPD_FAULT_EVERY": str(n)}, ready=False)
    s.expect_log(CRASHED)
    whole = [f"{i}-{i}" for i in range(1, COUNT + 1)]
    for name in "lk":
        s.wait(lambda name=name: len(captured(s, name)) >= COUNT, 60,
               lambda name=name: f"{listening.short(listening.events(s, name))}; {s.log_text()[-3000:]}")
        assert captured(s, name) == whole
        assert listening.in_order(listening.events(s, name))
    s.wait(lambda: captured(s, "l", "LOG") and "".join(captured(s, "l", "LOG")).count(",") >= COUNT, 60)
    assert "".join(captured(s, "l", "LOG")) == COUNT * ","


def captured(s, name, kind="COMMUNICATION"):
    return [e["payload"].partition("\n")[2] for e in listening.events(s, name)
            if e["eventname"] == f"PROCESS_{kind}_STDOUT"]
