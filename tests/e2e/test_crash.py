"""A fault in supd itself: it goes on in a new image, and no program notices."""
import os
import re
import signal

import pytest

from harness.beacon import conf, program, record, wait_record
from harness.upgrading import CRASHED, busy, check_busy, crash, lives, version
from harness.waiting import wait

pytestmark = pytest.mark.release

FAULTS = [signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL]


@pytest.mark.caps
@pytest.mark.parametrize("pid1", [True, False])
@pytest.mark.parametrize("sig", FAULTS)
def test_programs_do_not_notice(sup, sig, pid1):
    s = sup(conf(program("a", startsecs=0), program("b", startsecs=0)), pid1=pid1)
    wait_record(s, "a", "start")
    wait_record(s, "b", "start")  # RUNNING comes before its first words
    s.wait_state("b", "RUNNING")
    before, me = lives(s), s.pid
    crash(s, sig)
    crash(s, sig)
    assert lives(s) == before and s.pid == me
    s.wait_log(rf"supd crashed: {sig.name} sent by pid \d+")
    s.kill(before["b"]["pid"])
    wait_record(s, "b", "start", 2)
    assert len(record(s, "a", "start")) == 1
    assert s.stop() == 0


def test_a_crash_on_the_way_down(sup):
    """The shutdown goes on, in order, and its end is an ordinary one."""
    s = sup(conf(program("a", "slow=1500", startsecs=0), program("b", "slow=1500", startsecs=0, priority=1)))
    wait_record(s, "a", "start")
    wait_record(s, "b", "start")
    s.send(signal.SIGTERM)
    wait_record(s, "a", "SIGTERM")
    crash(s)
    assert s.wait_exit() == 0
    assert len(record(s, "a", "end")) == 1 and len(record(s, "b", "end")) == 1


def test_a_crash_loop_ends_in_the_keeper(sup):
    """Five faults in ten seconds: then it only reaps, passes signals on, and ends what runs."""
    s = sup(conf(program("a", startsecs=0, ), program("b", "ignore=INT", startsecs=0)))
    wait_record(s, "a", "start")
    wait_record(s, "b", "start")
    s.expect_log(CRASHED, r"supd crashed too often: supd only keeps what runs: 2 processes")
    for _ in range(4):
        crash(s)
    os.kill(s.pid, signal.SIGSEGV)
    s.wait_log("supd only keeps what runs: 2 processes")
    assert "nobody answers" in s.ctl("status").stderr
    s.send(signal.SIGUSR1)
    s.wait(lambda: record(s, "a", "SIGUSR1") and record(s, "b", "SIGUSR1"))
    s.kill(record(s, "a", "start")[-1].pid)
    s.wait_log("keeper: pid [0-9]+ ended; it is not started again")
    assert len(record(s, "a", "start")) == 1
    assert s.stop() == 0
    assert record(s, "b", "SIGTERM")


@pytest.mark.parametrize("sig", [signal.SIGSEGV, signal.SIGABRT])
def test_under_load(sup, sig):
    """Faults in a row while programs start, write and end all the time: none is lost or doubled."""
    rounds = int(os.environ.get("SUPD_CRASH_ROUNDS", "4"))
    s = sup(busy())
    still = s.wait_state("still", "RUNNING")
    for n in range(rounds):
        ended = len(s.read("ended").split())
        s.wait(lambda: len(s.read("ended").split()) > ended + 8, 20)  # noqa: B023
        crash(s, sig)
        if n % 4 == 3:  # five in ten seconds would be a crash loop
            wait(lambda: version(s) and calm(s), 20, "time passes")
    assert s.status()["still"]["pid"] == still["pid"]
    check_busy(s)


def calm(s):
    """The oldest of the last four crashes is ten seconds ago."""
    times = re.findall(r"^\S+ (\d+):(\d+):(\d+),\d+ ERRO supd crashed", s.log_text(), re.M)
    now = s.run("date", "-u", "+%H %M %S").stdout.split()
    seconds = [int(h) * 3600 + int(m) * 60 + int(x) for h, m, x in [*times[-4:], now]]
    return (seconds[-1] - seconds[0]) % 86400 > 10


def test_a_restart_of_everything_goes_on(sup):
    """As supervisord, on the way down of a reload."""
    s = sup("[supervisord]\nnodaemon=true\nlogfile=%(here)s/main.log\n[program:slow]\nstartsecs=0\nstopwaitsecs=60\n"
            "command=sh -c 'trap : TERM\n    echo > %(here)s/up\n    until [ -e %(here)s/go ]\n    do sleep 0.05\n    done'\n",
            name="supervisord")
    s.wait_file("up")
    before = s.status()["slow"]["pid"]
    s.send(signal.SIGHUP)
    s.wait_state("slow", "STOPPING")
    crash(s)
    assert s.state("slow") == "STOPPING"
    s.write("go", "")
    s.wait(lambda: s.read("main.log").count("spawned: 'slow'") > 1, what=lambda: s.read("main.log"))
    assert s.status()["slow"]["pid"] != before
