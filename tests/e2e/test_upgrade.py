"""Another supd in the place of the one that runs: nothing that counts is lost, and no program notices."""
import os
import re
import shutil

import pytest

from harness.beacon import conf, program, record, wait_record
from harness.namespace import status_of
from harness.supervised import program as built
from harness.waiting import wait


def life(record):
    """What must be the same before and after, of a status record."""
    return {k: record[k] for k in ("pid", "state", "restarts", "starts") if k in record}


def upgrade(s, *args):
    done = s.ctl("upgrade", *args)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{s.log_text()}"
    return done.stdout


def version(s):
    return s.ask("version")[1]


@pytest.mark.parametrize("pid1", [True, False])
def test_programs_do_not_notice(sup, pid1):
    """Same pid of supd, same pids, uptimes and counters; and it goes on supervising."""
    s = sup(conf(program("a", startsecs=0), program("b", startsecs=0)), pid1=pid1)
    s.kill(wait_record(s, "a", "start")[-1].pid)
    wait_record(s, "a", "start", 2)
    s.wait_state("a", "RUNNING")
    before, me = s.status(), s.pid
    assert "goes on" in upgrade(s)
    after = s.status()
    assert {n: life(r) for n, r in after.items()} == {n: life(r) for n, r in before.items()}
    assert s.pid == me and int(version(s)["upgrades"]) == 1
    assert int(version(s)["uptime_ms"]) >= 0
    s.kill(int(after["b"]["pid"]))
    wait_record(s, "b", "start", 2)
    assert s.wait_state("b", "RUNNING")["restarts"] == 1
    assert [r.what for r in record(s, "a")].count("start") == 2
