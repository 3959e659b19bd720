"""supctl upgrade: another supd in the place of the one that runs; no program notices."""
import os
import re
import shutil
import signal

import pytest

from harness.agents import ping
from harness.beacon import conf, program, record, wait_record
from harness.namespace import command_of
from harness.supervised import program as built
from harness.upgrading import busy, check_busy, lives, upgrade, version
from harness.wire import Refused

COUNT = "/bin/sh -c 'i=0; while :; do i=$((i+1)); echo line $i; done'"


def process(s, name):
    found = [p for p in s.pids if name in command_of(p)]
    return found[0] if found else None


@pytest.mark.caps
@pytest.mark.parametrize("pid1", [True, False])
def test_programs_do_not_notice(sup, pid1):
    """The same pids, uptimes and counters, supd's own among them; and it goes on supervising."""
    s = sup(conf(program("a", startsecs=0), program("b", startsecs=0)), pid1=pid1)
    s.kill(wait_record(s, "a", "start")[-1].pid)
    wait_record(s, "a", "start", 2)
    s.wait_state("a", "RUNNING")
    before, me, up = lives(s), s.pid, version(s)["uptime_ms"]
    age = s.status()["b"]["uptime_ms"]
    assert re.search(r"supd \S+ goes on, pid \d+", upgrade(s))
    assert lives(s) == before and s.pid == me
    now = version(s)
    assert (now["upgrades"], now["crashes"]) == (1, 0) and now["uptime_ms"] > up
    assert s.status()["b"]["uptime_ms"] > age
    s.kill(before["b"]["pid"])
    wait_record(s, "b", "start", 2)
    assert s.wait_state("b", "RUNNING")["restarts"] == 1
    assert len(record(s, "a", "start")) == 2
    assert s.stop() == 0


def test_no_byte_of_output_is_lost(sup):
    """A program that writes as fast as it can, over five upgrades: every line once, in order."""
    s = sup(conf(program("w", command=COUNT, startsecs=0, stdout_logfile="%(here)s/w.log",
                         stdout_logfile_maxbytes=0)))
    s.wait_file("w.log", r"line 100\n")
    old = process(s, "supd-log")
    for _ in range(5):
        size = os.path.getsize(s.path("w.log"))
        upgrade(s)
        s.wait(lambda: os.path.getsize(s.path("w.log")) > size)  # noqa: B023
    s.wait(lambda: process(s, "supd-log") not in (None, old), what="supd-log is another one")
    s.ok("stop", "w")
    lines = s.read("w.log").splitlines()[:-1]
    assert lines == [f"line {i + 1}" for i in range(len(lines))]


def test_under_load(sup):
    """Upgrades in a row while programs start, write and end all the time: nothing is lost or doubled."""
    s = sup(busy())
    still = s.wait_state("still", "RUNNING")
    for n in range(int(os.environ.get("SUPD_UPGRADE_ROUNDS", "4"))):
        upgrade(s)
        assert version(s)["upgrades"] == n + 1
    ended = len(s.read("ended").split())
    s.wait(lambda: len(s.read("ended").split()) > ended + 16, 30)
    assert s.status()["still"]["pid"] == still["pid"]
    check_busy(s)


def test_its_stdin_stays_open(sup):
    """A program that ends when its standard input does goes on."""
    s = sup(conf(program("cat", command="/bin/cat", startsecs=0)))
    before = s.wait_state("cat", "RUNNING")
    upgrade(s)
    upgrade(s)
    assert s.status()["cat"]["pid"] == before["pid"]
    s.ok("restart", "cat")


def test_what_was_under_way_goes_on(sup):
    """A wait for a retry, a stop, and a start that is not long enough ago."""
    s = sup(conf(program("b", "run=0 exit=1", backoff="30s", startretries=9),
                 program("c", "ignore=TERM", stopwaitsecs=3, startsecs=0),
                 program("d", startsecs=4)))
    s.wait_state("b", "BACKOFF")
    wait_record(s, "c", "start")  # from here on it takes signals
    s.wait_state("c", "RUNNING")
    s.ask("stop", "c", "wait=0")
    wait_record(s, "c", "SIGTERM")
    upgrade(s)
    now = s.status()
    assert (now["b"]["state"], now["c"]["state"]) == ("BACKOFF", "STOPPING")
    assert 0 < now["b"]["next_ms"] < 30000 and 0 < now["c"]["next_ms"] <= 3000
    s.wait_state("c", "STOPPED")
    assert len(record(s, "c", "SIGTERM")) == 1 and len(record(s, "b", "start")) == 1
    s.wait_state("d", "RUNNING")
    assert len(record(s, "d", "start")) == 1


def test_subscribers_are_told(sup):
    """An event says that it comes, then the connection ends; the next events are numbered on."""
    s = sup(conf(program("a", startsecs=0)))
    s.wait_state("a", "RUNNING")
    with s.wire() as w:
        seq = w.request("subscribe")[1]["seq"]
        upgrade(s)
        with pytest.raises(ConnectionError):
            while True:
                last = w.line()
    assert "type=mood\tname=upgrading" in last and f"seq={seq + 1}\t" in last
    with s.wire() as w:
        assert w.request("subscribe")[1]["seq"] > seq


def test_a_wait_for_an_answer_ends_with_the_connection(sup):
    """A client that waits is let go, and what it asked for goes on."""
    s = sup(conf(program("a", "slow=1500", startsecs=0)))
    wait_record(s, "a", "start")
    with s.wire() as w:
        w.sock.sendall(b"7\tstop\ta\n")
        wait_record(s, "a", "SIGTERM")
        upgrade(s)
        with pytest.raises(ConnectionError):
            w.line()
    s.wait_state("a", "STOPPED")


def test_an_update_under_way_goes_on(sup):
    """A program that is being replaced, and one that is being removed, when supd is."""
    slow = program("a", "slow=2000", startsecs=0) + program("gone", "slow=2000", startsecs=0)
    s = sup(conf(slow))
    wait_record(s, "gone", "start")
    wait_record(s, "a", "start")
    s.write("supd.conf", conf(program("a", "slow=1", startsecs=0)))
    s.ask("update", "wait=0")
    wait_record(s, "gone", "SIGTERM")
    upgrade(s)
    assert "gone" in s.status()
    wait_record(s, "a", "start", 2)
    s.wait(lambda: "gone" not in s.status(), what="the removed program is gone")
    assert s.wait_state("a", "RUNNING")["pid"] == record(s, "a", "start")[-1].pid
    s.ok("update")
    assert len(record(s, "a", "start")) == 2


def test_a_lost_socket(sup):
    """A socket file that somebody removes is made again by the next supd, too."""
    s = sup(conf(program("a", startsecs=0)))
    upgrade(s)
    os.unlink(s.socket)
    s.wait(lambda: os.path.exists(s.socket))
    s.wait_ready()


def bad_elf(s):
    """Our own binary, cut off in the middle."""
    with open(built("supd"), "rb") as f:
        text = f.read()
    with open(s.path("cut"), "wb") as f:
        f.write(text[:len(text) // 3])
    os.chmod(s.path("cut"), 0o755)
    return s.path("cut")


def script(s, text):
    path = s.write("script", "#!/bin/sh\n" + text + "\n")
    os.chmod(path, 0o755)
    return path


BAD = {
    "not there": (lambda s: "/nonexistent", "cannot open /nonexistent: No such file or directory"),
    "another program": (lambda s: "/bin/true", "did not say what it needs"),
    "one that refuses": (lambda s: "/bin/false", "ended without a word"),
    "no program": (lambda s: s.write("text", "x"), "cannot execute .*: Permission denied"),
    "cut off": (bad_elf, "ended by signal|cannot execute|ended without a word|cannot open shared|: "),
    "a folder": (lambda s: "/tmp", "cannot execute /tmp: Permission denied"),
    "relative": (lambda s: "supd", "has to begin with /"),
    "mute": (lambda s: shutil.copy("/bin/busybox", s.path("busybox")), "applet not found|did not say|without a word"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_binary_changes_nothing(sup, what):
    s = sup(conf(program("a", startsecs=0)))
    before = s.wait_state("a", "RUNNING")
    make, words = BAD[what]
    with pytest.raises(Refused) as e:
        s.ask("upgrade", make(s))
    assert re.search(words, str(e.value)), e.value
    assert version(s)["upgrades"] == 0
    upgrade(s)
    assert s.status()["a"]["pid"] == before["pid"]


def test_a_binary_of_its_own_folder(sup):
    """The helpers are those beside the new binary, and the next upgrade means that one."""
    s = sup(conf(program("a", startsecs=0, stdout_logfile="%(here)s/a.log")))
    os.mkdir(s.path("new"))
    for name in ("supd", "supd-log", "supd-agent"):
        shutil.copy(built(name), s.path("new", name))
    upgrade(s, s.path("new", "supd"))

    def binary():
        try:
            return os.readlink(f"/proc/{process(s, 'supd-log')}/exe")
        except FileNotFoundError:  # the old one, which ends
            return None

    s.wait(lambda: binary() == s.path("new", "supd-log"))
    assert os.readlink(f"/proc/{s.pid}/exe") == s.path("new", "supd")
    upgrade(s)
    assert os.readlink(f"/proc/{s.pid}/exe") == s.path("new", "supd")
    os.rename(s.path("new", "supd-log"), s.path("new", "other"))
    done = s.ctl("upgrade")
    assert done.returncode == 1 and "cannot find supd-log" in done.stderr


def descriptors(s, but_for=None):
    """How many supd has but for a moment, once it has a supd-log, and not this one, that answers. It has
    seen the end of all earlier connections once it has answered on this one a few times."""
    s.wait(lambda: process(s, "supd-log") not in (None, but_for) and len(s.ns.pids(zombies=True)) == 3, 20)
    s.wait(lambda: s.ctl("tail", "a").returncode == 0, 20)
    with s.wire() as wire:
        return min(len(os.listdir(f"/proc/{s.pid}/fd")) for _ in range(21) if wire.request("status"))


@pytest.mark.release
def test_as_many_descriptors_as_before(sup):
    """Also where the limit was raised in between."""
    s = sup(conf(program("a", startsecs=0, stdout_logfile="%(here)s/a.log")), before="ulimit -Sn 1024")
    wait_record(s, "a", "start")
    had, log = descriptors(s), process(s, "supd-log")
    upgrade(s)
    assert descriptors(s, log) == had


def test_not_while_it_goes_down(sup):
    s = sup(conf(program("a", "slow=1000", startsecs=0)))
    wait_record(s, "a", "start")
    s.send(signal.SIGTERM)
    wait_record(s, "a", "SIGTERM")
    with pytest.raises(Refused) as e:
        s.ask("upgrade")
    assert e.value.code == "SHUTDOWN_STATE"


AGENT = """#!/usr/bin/python3
import socket
channel = socket.socket(fileno=3)
channel.setblocking(True)
channel.sendall(b"1\\tupgrade\\n")
for line in channel.makefile():
    with open("%(dir)s/agent/said", "a") as said:
        said.write(line)
"""


def test_the_agent_may_not(sup):
    """Its channel never has this verb."""
    s = sup("[supd]\n[supervisord]\n[agent]\nlisten=127.0.0.1:18731\n", agent=AGENT)
    s.wait_file("agent/said", r"^1 error DENIED ")
    assert version(s)["upgrades"] == 0


def test_the_agent_is_started_again(sup):
    """And gets the socket on which it listened: who connects meanwhile waits in its queue."""
    s = sup("[supd]\n[supervisord]\n[agent]\nlisten=127.0.0.1:18732\n")
    old = s.wait(lambda: ping(s))["pid"]
    listening = s.run("cat", "/proc/net/tcp").stdout.split("\n")[1].split()[9]
    upgrade(s)
    s.wait(lambda: (ping(s) or {"pid": old})["pid"] != old, what="another agent answers")
    assert listening in s.run("cat", "/proc/net/tcp").stdout
    s.wait(lambda: process(s, "supd-agent"))


def test_the_configuration_counts_on(sup):
    """A reload after an upgrade compares with what runs, and the start's environment is the same."""
    s = sup(conf(program("a", startsecs=0, environment='X="%(ENV_TEST_DIR)s"')))
    upgrade(s)
    assert s.ok("update").strip() == s.ok("update").strip()
    assert len(wait_record(s, "a", "start")) == 1
    with open(f"/proc/{s.pid}/environ", encoding="utf-8") as f:
        assert "TEST_DIR=" in f.read()
    s.ok("restart", "a")
    env = s.run("cat", f"/proc/{s.status()['a']['pid']}/environ").stdout
    assert f"X={s.dir}" in env and "SUPD_RESUME" not in env
