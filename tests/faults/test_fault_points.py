"""supd faults for real at every N-th of its transitions, inside starts, commits and reaps: a build of
its own (SUPD_FAULTS). Whatever N is, no exit status is lost, nothing runs twice, and all goes on."""
import collections
import contextlib
import os
import re

import pytest

from harness.beacon import conf, program, record
from harness.namespace import command_of
from harness.upgrading import CRASHED, version
from harness.wire import Refused

RUNS = int(os.environ.get("SUPD_FAULT_RUNS", "12"))
# with fewer between two faults hardly anything but transitions is ever done: nobody is answered
EVERY = [11, 12, 13, 17, 23, 31, 53]


def start(sup, n, *programs, **kw):
    s = sup(conf(*programs), env={"SUPD_FAULT_EVERY": str(n)}, ready=False, **kw)
    s.expect_log(CRASHED)
    return s


@pytest.mark.timeout(120)
@pytest.mark.parametrize("pid1", [True, False])
@pytest.mark.parametrize("n", EVERY)
def test_every_start_and_every_end_counts_once(sup, n, pid1):
    """Programs that end at once, again and again: what they wrote down of their own starts and ends
    is what supd has counted, and at no time did one run twice."""
    names = [f"w{i}" for i in range(3)]
    s = start(sup, n, *(program(name, "run=20 exit=3", startsecs=0, exitcodes=3, autorestart="true")
                        for name in names), program("still", startsecs=0), pid1=pid1)
    s.wait(lambda: all(len(record(s, name, "end")) >= RUNS for name in names), 90)
    for name in names:
        s.wait(lambda: stopped(s, name), 30)  # noqa: B023
    crashes = len(re.findall("supd crashed", s.log_text()))
    assert crashes >= (RUNS if n < 20 else 1)
    check(s, names)
    assert len(record(s, "still", "start")) == 1


def stopped(s, name):
    """Asks for the stop until it is done: a connection ends with the supd that it was to."""
    with contextlib.suppress(OSError, Refused):
        s.ask("stop", name, "wait=0")
        return s.state(name) in ("STOPPED", "EXITED")
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


CHATTER = "/bin/sh -c 'i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line $i; done; exit 3'"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("n", [11, 17, 23])
def test_every_line_is_kept(sup, n):
    s = start(sup, n, program("w", command=CHATTER, startsecs=0, exitcodes=3, autorestart="true",
                              stdout_logfile="%(here)s/w.log", stdout_logfile_maxbytes=0))
    s.wait(lambda: s.read("w.log").count("line 300\n") >= RUNS, 90)
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
