"""memory_high and memory_max: what a program and those that it started may use."""
import os
import re
import signal

import pytest

from harness import cgroups
from harness.beacon import conf, program

# Takes so many MB: itself, shared with others, or in a process of another thread and session. Once
# only, the first time.
EATER = """import os, mmap, signal, sys, subprocess, threading, time
name, how, mb = sys.argv[1], sys.argv[2], int(sys.argv[3])
fresh = not os.path.exists(name)
open(name, "w").close()
if how == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if how == "child" and fresh:
    def begin():
        subprocess.Popen([sys.executable, sys.argv[0], name + ".child", "own", str(mb)], start_new_session=True)
        time.sleep(1000)
    threading.Thread(target=begin, daemon=True).start()
elif how in ("stray", "lost") and fresh:  # by a parent that ends; in the same group, or in a session of its own
    middle = f"import subprocess, sys; subprocess.Popen([sys.executable, *sys.argv[1:]], start_new_session={how == 'lost'})"
    subprocess.run([sys.executable, "-c", middle, sys.argv[0], name + ".child", "own", str(mb)])
elif how == "shared":
    kept = mmap.mmap(-1, mb << 20)
    for _ in range(mb):
        kept.write(b"x" * (1 << 20))
elif fresh:
    kept = b"x" * (mb << 20)
open(name + ".full", "w").close()
time.sleep(1000)
"""


@pytest.fixture
def eaters(sup):
    def start(*programs, **kw):
        s = sup(conf(), **kw)
        s.write("eater.py", EATER)
        os.mkdir(s.path("eaten"))
        os.chmod(s.path("eaten"), 0o777)
        s.write("supd.conf", conf(*programs))
        s.ctl("update")
        return s
    return start


def eater(name, how, mb, **keys):
    return program(name, command=f"/usr/bin/python3 %(here)s/eater.py %(here)s/eaten/{name} {how} {mb}",
                   startsecs=keys.pop("startsecs", 0), **keys)


def renewed(s, name):
    return s.wait(lambda: (r := s.status()[name])["restarts"] and r["state"] == "RUNNING" and r, 20,
                  f"{name} was started again")


@pytest.mark.caps
def test_above_memory_high_it_is_started_again(eaters):
    s = eaters(
        eater("own", "own", 60, memory_high="40MB"),
        eater("child", "child", 60, memory_high="40MB", user="nobody"),
        eater("few", "child", 60, memory_high="300MB", memory_max="400MB"),
        eater("shared", "shared", 60, memory_high="40MB"))
    for name in ("own", "child"):
        assert renewed(s, name)["exit"] == "terminated by SIGTERM (above memory_high)"
        s.wait_log(rf"restarting: {name}, it uses [4-7]\dMB of memory, above memory_high=40MB")
        s.wait_log(rf"stopped: {name} \(terminated by SIGTERM \(above memory_high\)\)")
    assert "terminated by SIGTERM (above memory_high)" in s.ok("status")
    s.wait(lambda: re.search(r"It uses [67]\dMB of memory; above 300MB \(memory_high\) it is started again, "
                             r"above 400MB \(memory_max\) it is killed\.", s.ok("explain", "few")), 20, "all of it is there")
    assert [s.status()[n]["restarts"] for n in ("few", "shared")] == [0, 0]
    # a change is followed at once, without a restart of its own
    s.write("supd.conf", conf(eater("few", "child", 60, memory_high="1MB")))
    s.ok("update")
    s.wait_log("restarting: few, it uses .* above memory_high=1024KB")
    s.wait_log(r"stopped: few")
    assert re.search(r"stopped: few .*", s.log_text()).group() == "stopped: few (terminated by SIGTERM (above memory_high))"


def test_the_reason_is_shown_while_it_stops(eaters):
    s = eaters(eater("stubborn", "stubborn", 60, memory_high="40MB"))
    row = s.wait_state("stubborn", "STOPPING", timeout=20)
    assert row["why"] == "memory"
    assert "told to stop for its memory (memory_high)" in s.ok("explain", "stubborn")
    s.kill(row["pid"], signal.SIGKILL)
    assert renewed(s, "stubborn")["exit"] == "terminated by SIGKILL (above memory_high)"


def test_above_memory_max_it_is_killed(eaters):
    s = eaters(eater("again", "stubborn", 60, memory_max="40MB"),
               eater("once", "own", 60, memory_high="40MB", memory_max="40MB", autorestart="false"))
    said = "terminated by SIGKILL (above memory_max)"
    assert renewed(s, "again")["exit"] == said
    assert s.wait_state("once", "EXITED", timeout=20)["exit"] == said
    s.wait_log(r"killing: once, it uses [4-7]\dMB of memory, above memory_max=40MB")


def test_too_often_is_fatal_with_retry_window(eaters):
    s = eaters(program("fat", command="/usr/bin/python3 -c \"kept=b'x'*(60<<20);__import__('time').sleep(1000)\"",
                       startsecs=0, startretries=0, memory_high="40MB", retry_window="1m"))
    s.wait_state("fat", "FATAL", timeout=20)
    s.wait_log("fat entered FATAL state, too many restarts within retry_window")


def test_without_proc_there_is_nothing_to_watch(sup):
    s = sup(conf(program("a", memory_max="1GB", startretries=0), program("b", memory_high="1GB optional")),
            prefix=["sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"])
    s.wait_state("a", "FATAL")
    s.wait_log("spawnerr: cannot watch memory_max: there is no /proc")
    s.wait_state("b", "RUNNING")
    s.wait_log("b: started without what the kernel refused and its options call optional: memory_high")


@pytest.mark.parametrize("pid1", [True, False])
def test_who_has_lost_its_parent_counts(eaters, pid1):
    s = eaters(eater("stray", "stray", 60, memory_high="40MB"), eater("other", "own", 20, memory_high="40MB"), pid1=pid1)
    assert renewed(s, "stray")["exit"] == "terminated by SIGTERM (above memory_high)"
    s.wait_log(r"restarting: stray, it uses [4-7]\dMB of memory, above memory_high=40MB")
    assert s.status()["other"]["restarts"] == 0


@pytest.fixture
def cgroup():
    """A control group that is supd's; it has to come before eaters among the arguments of a test."""
    group = cgroups.delegated()
    yield group
    group.close()


def test_with_a_control_group_all_in_it_count(cgroup, eaters):
    """Whoever has left its parent, its group and its session; and the limit is looked at where the kernel keeps none."""
    s = eaters(eater("lost", "lost", 60, memory_max="40MB", autorestart="false"),
               eater("other", "own", 20, memory_max="40MB"), prefix=cgroup.enter())
    assert s.wait_state("lost", "EXITED", timeout=20)["exit"] == "terminated by SIGKILL (above memory_max)"
    s.wait_log(r"killing: lost, it uses [4-7]\dMB of memory, above memory_max=40MB")
    assert s.status()["other"]["restarts"] == 0
    s.ok("stop", "lost", "other")
    assert sum(cgroup.below().values()) == 0
