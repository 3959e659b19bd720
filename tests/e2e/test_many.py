"""Ten thousand programs in one file, and what a limit of descriptors allows."""
import math
import os
import re
import signal

import pytest

from harness.beacon import conf, program
from harness.waiting import wait

MANY = 10000
SLEEP = "/bin/busybox sleep 100000"


def each(n, **keys):
    keys = {"startsecs": 0, "stdin": "null", **keys}
    text = conf(*(program(f"p{i:05}", command=SLEEP, **keys) for i in range(n)))
    return text.replace("[supervisord]", "[supervisord]\nminfds=1", 1)


def states(s):
    found = {}
    for record in s.status().values():
        found[record["state"]] = found.get(record["state"], 0) + 1
    return found


@pytest.mark.release
@pytest.mark.timeout(300)
@pytest.mark.parametrize("pid1", [True, False])
def test_ten_thousand(sup, pid1):
    """Ten thousand sections start, run, are seen, come back and stop."""
    s = sup(each(MANY), pid1=pid1)
    wait(lambda: states(s) == {"RUNNING": MANY}, 60, lambda: f"all run: {states(s)}", every=0.5)
    assert len(s.pids) >= MANY
    victim = s.status("p07777")["p07777"]["pid"]
    assert s.kill(victim)
    wait(lambda: s.status("p07777")["p07777"]["restarts"] == 1, 10, "one of them is back")
    assert len(os.listdir(f"/proc/{s.pid}/fd")) < MANY / 4  # not one for each
    s.ok("stop", "p0*", timeout=60)
    assert states(s) == {"STOPPED": MANY}
    s.ok("start", "p0*", timeout=60)
    assert states(s) == {"RUNNING": MANY}
    s.send(signal.SIGTERM)
    assert s.wait_exit(60) == 0
    if not pid1:
        assert s.left() == []


@pytest.mark.release
@pytest.mark.parametrize("keys", [{"stdout_syslog": "true"}, {"stderr_events_enabled": "true"},
                                  {"stdout_capture_maxbytes": "1KB"}])
def test_pipes_without_a_file_count_too(sup, keys):
    s = sup(each(600, stdout_logfile="NONE", stderr_logfile="NONE", **keys),
            prefix=["prlimit", "--nofile=1024:1024"], ready=False)
    assert s.wait_exit() == 2
    assert re.search(r"the configuration needs 1[2-4]\d\d descriptors, limit 1024 ", s.log_text()), s.log_text()[-500:]


@pytest.mark.release
@pytest.mark.timeout(120)
def test_pipes_up_to_the_limit(sup):
    """With pipes as many as the limit allows; one more, and supd says the need and the limit."""
    keys = {"stdin": "pipe", "stdout_logfile": "%(here)s/log", "redirect_stderr": "true"}
    prefix = ["prlimit", "--nofile=1024:1024"]
    need = {}
    for n in (400, 500):
        s = sup(each(n, **keys), prefix=prefix, ready=False)
        assert s.wait_exit() == 2
        found = re.search(r"the configuration needs (\d+) descriptors, limit 1024 ", s.log_text())
        assert found, s.log_text()
        need[n] = int(found.group(1))
    assert need[400] > 1024
    per = (need[500] - need[400]) / 100
    fit = 400 + math.floor((1024 - need[400]) / per)
    assert 200 < fit < 400
    s = sup(each(fit, **keys), prefix=prefix)
    wait(lambda: states(s) == {"RUNNING": fit}, 30, lambda: f"all run: {states(s)}")


def in_memory(pid, program):
    """KiB of the program's own code that are mapped, by smaps."""
    with open(f"/proc/{pid}/smaps", encoding="ascii") as f:
        found = re.findall(r" r-xp .*/(\S+)\n(?:\w.*:.*\n)*?Rss: +(\d+) kB\n", f.read())
    return sum(int(kib) for name, kib in found if name == program)


@pytest.mark.release
def test_little_code_is_in_memory(sup):
    """Once many programs have started, PID 1 has in memory what it goes on to use: less than half of itself."""
    s = sup(each(200, startsecs=1))
    wait(lambda: states(s) == {"RUNNING": 200}, 30, lambda: f"all run: {states(s)}")
    wait(lambda: in_memory(s.pid, "supd") < 176, 20, lambda: f"{in_memory(s.pid, 'supd')} KiB of code", every=0.5)
    assert s.kill(s.status("p00003")["p00003"]["pid"])
    wait(lambda: s.status("p00003")["p00003"]["restarts"] == 1, 10, "one of them is back")
    assert 0 < in_memory(s.pid, "supd") < 240
