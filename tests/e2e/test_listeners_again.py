"""Event listeners over upgrades and faults of supd: what waits, who has what, half a word that was said."""
import os
import signal

import pytest

from harness.listening import CONF, LARGE, REMOTE, events, go, in_order, listener, short, wait_event, wait_events
from harness.upgrading import CRASHED, crash, upgrade

pytestmark = pytest.mark.release


def remote(s, *data):
    for text in data:
        s.ask("remote_event", "t", str(text))


def remotes(got):
    return [e["payload"].partition("\n")[2] for e in got]


@pytest.mark.parametrize("again", [upgrade, crash])
def test_all_of_it_goes_on(sup, again):
    """One has an event, two wait; they come once, in order, to the same process."""
    s = sup(CONF + listener("l", REMOTE, "hold") + listener("k", "PROCESS_STATE,PROCESS_GROUP", buffer_size=100))
    s.wait_state("l", "RUNNING")
    remote(s, "a", "b", "c")
    wait_events(s, 1)
    again(s)
    remote(s, "d")
    rows = {r["name"]: r for r in s.ask("listeners")[0]}
    assert (rows["l"]["listener"], rows["l"]["waiting"], rows["l"]["events"]) == ("BUSY", 3, 4)
    again(s)
    go(s)
    got = wait_events(s, 4)
    assert remotes(got) == ["a", "b", "c", "d"] and in_order(got)
    assert [int(e["serial"]) for e in got] == sorted({int(e["serial"]) for e in got})
    assert len({e["listener"] for e in got}) == 1
    s.ok("stop", "l")
    wait_event(s, "processname:l groupname:l from_state:STOPPING", "k")
    states = [p for p in short(events(s, "k")) if "processname:l " in p[1]]
    assert [k.rpartition("_")[2] for k, _ in states] == ["STARTING", "RUNNING", "STOPPING", "STOPPED"]


def test_one_that_dies_meanwhile(sup):
    """It has an event while supd stands still and is ended then: the event goes back to its place."""
    s = sup(CONF + listener("l", REMOTE, "hold"))
    s.wait_state("l", "RUNNING")
    remote(s, "a", "b")
    first = wait_events(s, 1)[0]["listener"]
    s.expect_log(CRASHED)
    os.kill(s.pid, signal.SIGSTOP)
    s.kill(first)
    os.kill(s.pid, signal.SIGSEGV)
    os.kill(s.pid, signal.SIGCONT)
    go(s)
    got = wait_events(s, 3)
    assert remotes(got) == ["a", "a", "b"] and got[1]["listener"] != first


def test_a_large_event_that_is_half_written(sup):
    s = sup(CONF + listener("l", "PROCESS_COMMUNICATION," + REMOTE, "hold", buffer_size=100) + LARGE)
    s.wait_state("l", "RUNNING")
    remote(s, "first")
    wait_events(s, 1)
    s.kill(s.status("l")["l"]["pid"], signal.SIGSTOP)
    go(s)
    s.ok("start", "w")
    s.wait(lambda: s.ask("listeners")[0][0]["waiting"] == 1)
    s.kill(s.status("l")["l"]["pid"], signal.SIGCONT)
    crash(s)
    upgrade(s)
    got = wait_events(s, 2)
    assert got[1]["payload"].endswith("\n" + 300000 * "x")


def test_under_load(sup):
    """Faults in a row while events come and are answered all the time: each comes once, in order."""
    s = sup(CONF + listener("l", REMOTE, buffer_size=20000) + listener("p", REMOTE, "slow=1", buffer_size=20000,
            numprocs=3, process_name="%(process_num)d"))
    s.wait_state("l", "RUNNING")
    n = 0
    for _ in range(4):
        with s.wire() as wire:
            for _ in range(100):
                wire.request("remote_event", "t", str(n))
                n += 1
        crash(s)
    upgrade(s)
    got = wait_events(s, n)
    assert remotes(got) == [str(i) for i in range(n)] and in_order(got)
    shared = wait_events(s, n, "p", timeout=30)
    assert sorted(map(int, remotes(shared))) == list(range(n))
    for one in {e["listener"] for e in shared}:
        mine = [int(e["poolserial"]) for e in shared if e["listener"] == one]
        assert mine == sorted(mine)


def name_of(path):
    try:
        return os.readlink(path)
    except FileNotFoundError:  # closed meanwhile
        return ""


def memory(s):
    """The descriptors of supd's memory of events."""
    folder = f"/proc/{s.pid}/fd"
    return [fd for fd in os.listdir(folder) if "supd-events" in name_of(f"{folder}/{fd}")]


def whole_pipes(s):
    """Pipes that supd has both ends of: its own, and those of programs."""
    folder = f"/proc/{s.pid}/fd"
    ends = [name_of(f"{folder}/{fd}") for fd in os.listdir(folder)]
    return len({e for e in ends if e.startswith("pipe:") and ends.count(e) == 2})


def test_only_where_there_are_listeners(sup):
    s = sup(CONF + listener("l", REMOTE))
    plain = sup(CONF)
    assert len(memory(s)) == 1 and not memory(plain)


def test_a_memory_that_is_damaged(sup):
    """What waited is lost, and that is said; supd goes on, and its listeners are started again."""
    s = sup(CONF + listener("l", REMOTE, "hold"))
    pid = s.wait_state("l", "RUNNING")["pid"]
    remote(s, "a")
    wait_events(s, 1)
    had = whole_pipes(s)
    with open(f"/proc/{s.pid}/fd/{memory(s)[0]}", "r+b") as f:
        f.write(b"broken")
    s.expect_log("events that waited for listeners are lost, and these are started again: "
                 "the memory of event listeners has another form")
    crash(s)
    s.wait(lambda: s.wait_state("l", "RUNNING")["pid"] != pid)
    go(s)
    remote(s, "b")
    assert remotes(wait_events(s, 2)) == ["a", "b"]
    s.wait(lambda: len(memory(s)) == 1 and whole_pipes(s) <= had)  # the old ones are not kept for ever
