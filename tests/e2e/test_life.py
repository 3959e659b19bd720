"""How programs start, fail, come back and are given up, measured by their own clocks."""
import os

import pytest

from harness.beacon import beacon, conf, gaps, late, near, program, record, starts, wait_record
from harness.waiting import wait


@pytest.mark.caps
@pytest.mark.parametrize("pid1", [True, False])
def test_startretries(sup, pid1):
    s = sup(conf(program("bad", "run=1 exit=3"), program("zero", "run=300", startretries=0),
                 program("clean", "run=1", startretries=1)), pid1=pid1)
    final = s.wait_state("bad", "FATAL", timeout=15)
    # three retries are four starts, after 1, 2 and 3 s
    assert near(gaps(starts(s, "bad")), [1000, 2000, 3000])
    assert (final["starts"], final["restarts"], final["fatals"]) == (4, 3, 1)
    assert final["exit"] == "exit status 3"
    s.wait_log("gave up: bad entered FATAL state, too many start retries too quickly")
    # status 0 before startsecs is a failed start all the same
    assert s.status()["zero"]["state"] == "FATAL" and len(starts(s, "zero")) == 1
    assert s.status()["clean"]["state"] == "FATAL" and near(gaps(starts(s, "clean")), [1000])
    # FATAL is final until somebody starts it
    s.ctl("start", "zero")
    assert len(wait_record(s, "zero", "start", 2)) == 2


CASES = [  # autorestart, exitcodes, what the program does, does it come back?
    ("unexpected", "0", "run=1200", False),
    ("unexpected", "0", "run=1200 exit=3", True),
    ("unexpected", "0,3", "run=1200 exit=3", False),
    ("unexpected", "0", "run=1200 die=KILL", True),
    ("unexpected", "", "run=1200", True),
    ("true", "0", "run=1200", True),
    ("false", "0", "run=1200 exit=3", False),
    ("false", "0", "run=1200 die=SEGV", False),
]


def test_autorestart(sup):
    names = [f"p{i}" for i in range(len(CASES))]
    s = sup(conf(*(program(n, words, autorestart=auto, exitcodes=codes)
                   for n, (auto, codes, words, _) in zip(names, CASES))))
    for name, (auto, codes, words, back) in zip(names, CASES):
        if back:
            first, second = wait_record(s, name, "start", 2)[:2]
            ended = record(s, name, "end")[0]
            assert second.pid != first.pid
            assert second.ms - ended.ms <= late(), f"{auto} {codes} {words}: there is no delay"
        else:
            got = s.wait_state(name, "EXITED")
            assert (got["starts"], got["restarts"]) == (1, 0), f"{auto} {codes} {words}"
            assert len(starts(s, name)) == 1


def test_startsecs_zero(sup):
    s = sup(conf(program("quick", "run=1", startsecs=0, autorestart="unexpected"),
                 program("long", startsecs=0), program("slow", startsecs=30)))
    # RUNNING at once, so a quick exit is judged by its status, not as a failed start
    assert s.wait_state("quick", "EXITED")["starts"] == 1
    assert s.wait_state("long", "RUNNING")["uptime_ms"] < 5000
    assert s.status()["slow"]["state"] == "STARTING"


def test_success_needs_startsecs(sup):
    s = sup(conf(program("a", startsecs=2)))
    assert s.status()["a"]["state"] == "STARTING"
    assert 2000 <= s.wait_state("a", "RUNNING")["uptime_ms"] <= 2000 + late()
    s.wait_log("success: a entered RUNNING state, process has stayed up for > than 2 seconds")


BACKOFFS = [
    ("linear", {"backoff": "200ms"}, [200, 400, 600]),
    ("geometric", {"backoff": "200ms", "backoff_factor": "2"}, [200, 400, 800]),
    ("capped", {"backoff": "200ms", "backoff_factor": "3", "backoff_max": "500ms"}, [200, 500, 500]),
    ("none", {"backoff": "0s"}, [0, 0, 0]),
]


def test_backoff(sup):
    s = sup(conf(*(program(n, "run=1 exit=1", **keys) for n, keys, _ in BACKOFFS),
                 program("varied", "run=1 exit=1", backoff="400ms", backoff_factor="1",
                         backoff_jitter="50%", startretries=8)))
    for name, _, waits in BACKOFFS:
        s.wait_state(name, "FATAL")
        assert near(gaps(starts(s, name)), waits), name
    s.wait_state("varied", "FATAL", timeout=15)
    waits = gaps(starts(s, "varied"))
    assert len(waits) == 8 and all(195 <= w <= 600 + late() for w in waits)
    assert max(waits) - min(waits) > 20, f"all alike: {waits}"


def test_backoff_reset(sup):
    # it is RUNNING each time, but never for long enough to be forgiven
    s = sup(conf(program("short", "run=300 exit=1", startsecs=0, startretries=2, backoff="100ms",
                         backoff_reset="5s", autorestart="true"),
                 program("forgiven", "run=300 exit=1", startsecs=0, startretries=2, backoff="100ms",
                         backoff_reset="200ms", autorestart="true")))
    s.wait_state("short", "FATAL")
    assert near(gaps(starts(s, "short")), [400, 500])
    assert len(wait_record(s, "forgiven", "start", 6)) >= 6


def test_retry_window(sup):
    # restarts of a program that was RUNNING count, too
    s = sup(conf(program("loop", "run=200 exit=1", startsecs=0, startretries=3, retry_window="1m",
                         autorestart="true"),
                 program("rare", "run=600 exit=1", startsecs=0, startretries=3, retry_window="1s",
                         autorestart="true")))
    final = s.wait_state("loop", "FATAL")
    assert len(starts(s, "loop")) == 4 and final["starts"] == 4
    s.wait_log("gave up: loop entered FATAL state, too many restarts within retry_window")
    assert len(wait_record(s, "rare", "start", 7)) >= 7


def test_on_fatal_exit(sup):
    s = sup(conf(program("other"), program("vital", "run=1200 exit=1", startsecs=2, startretries=0,
                                           on_fatal="exit")))
    assert s.wait_exit() not in (0, 2)
    assert [e.what for e in record(s, "other")][:2] == ["start", "SIGTERM"]
    assert not s.ns.pids()


def test_on_fatal_retry(sup):
    s = sup(conf(program("again", "run=1 exit=1", startretries=0, on_fatal="retry:1s")))
    assert near(gaps(wait_record(s, "again", "start", 4)[:4]), [1000, 1000, 1000])
    assert s.status()["again"]["fatals"] >= 3


def test_numprocs_groups_and_autostart(sup):
    s = sup(conf(program("many", command=beacon("m%(process_num)02d"), numprocs=3, numprocs_start=5,
                         process_name="m%(process_num)02d"),
                 program("one"), program("off", autostart="false"),
                 "[group:both]\nprograms=one,off\n"))
    s.wait_state("both:one", "RUNNING")
    wanted = {"many:m05": "RUNNING", "many:m06": "RUNNING", "many:m07": "RUNNING",
              "both:one": "RUNNING", "both:off": "STOPPED"}
    wait(lambda: {n: r["state"] for n, r in s.status().items()} == wanted, 5,
         lambda: f"{wanted}; it is {s.status()}")
    assert not starts(s, "off") and s.status()["both:off"]["starts"] == 0
    s.ok("start", "both:*")
    assert len(starts(s, "off")) == 1


def test_start_in_order_of_priority(sup):
    # pids are given in order of creation, so they tell the order without a race
    order = [("third", 30), ("first", -1), ("second", 2), ("last", 999)]
    s = sup(conf(*(program(n, priority=p) for n, p in order)))
    pids = {n: wait_record(s, n, "start")[0].pid for n, _ in order}
    assert sorted(pids, key=pids.get) == ["first", "second", "third", "last"]


def test_many_deaths_at_once(sup):
    """All workers killed together come back once each: no lost status, no second instance."""
    n = 60
    s = sup(conf(program("w", command=beacon("w%(process_num)d"), numprocs=n, startsecs=0,
                         process_name="w%(process_num)d", stdin="null")))
    for round_ in range(1, 4):
        pids = wait(lambda: _all_up(s, n, round_), 15, "all are up")
        for pid in pids:
            assert s.kill(pid)
        wait(lambda: all(r["restarts"] == round_ for r in s.status().values()), 15,
             lambda: f"restarts {round_}: {[r['restarts'] for r in s.status().values()]}")
    wait(lambda: _all_up(s, n, 4), 15, "all are up")
    assert all(len(starts(s, f"w{i}")) == 4 for i in range(n))
    beacons = [p for p in s.pids if os.path.basename(_exe(p)) == "beacon"]
    assert len(beacons) == n


def _exe(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def _all_up(s, n, times):
    """Their pids, once each has written down its start so many times."""
    pids = [r["pid"] for r in s.status().values() if r["state"] == "RUNNING" and r["pid"]]
    return pids if len(pids) == n and len(record(s, what="start")) == n * times else None
