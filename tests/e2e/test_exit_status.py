"""When a program ends supd, and with what status: the table of docs/supervisor.md."""
import os
import re
import signal
import subprocess

import pytest

from harness.beacon import conf, program, record, wait_record
from harness.supervised import ROOT
from harness.supervised import program as build_supd

# what ends: (run=..., further keys); all are EXITED or FATAL within two seconds
CLEAN = ("run=1200", {"autorestart": "false"})
FAILED = ("run=1200 exit=3", {"autorestart": "false"})
FATAL = ("run=1200 exit=4", {"startsecs": 2, "startretries": 0})
VITAL = (FATAL[0], {**FATAL[1], "on_fatal": "exit"})

TABLE = [  # exit_on, what ends, its other keys, status or None: goes on
    ("never", CLEAN, {}, None), ("never", FATAL, {}, None), ("never", VITAL, {}, 4),
    ("any", CLEAN, {}, 0), ("any", FAILED, {}, 3), ("any", FATAL, {}, 4), ("any", VITAL, {}, 4),
    ("all", CLEAN, {}, None), ("all", FATAL, {}, None), ("all", VITAL, {}, 4),
    ("critical", FAILED, {}, None), ("critical", FATAL, {}, None), ("critical", VITAL, {}, 4),
    ("critical", FAILED, {"critical": "true"}, 3), ("critical", CLEAN, {"critical": "true"}, 0),
    ("critical", FATAL, {"critical": "true"}, 4),
]


@pytest.mark.parametrize("on,what,keys,status", TABLE)
def test_the_table(sup, on, what, keys, status):
    words, own = what
    s = sup(conf(program("one", words, **own, **keys), program("other"), supd=f"exit_on={on}"))
    if status is None:
        s.wait(lambda: s.status()["one"]["state"] in ("EXITED", "FATAL"))
        s.ctl("start", "one")  # it is still there, and did not begin to leave
        wait_record(s, "one", "start", 2)
        assert s.status()["other"]["state"] == "RUNNING"
        return
    assert s.wait_exit() == status
    assert [e.what for e in record(s, "other")][:2] == ["start", "SIGTERM"]
    assert not s.ns.pids()


def test_all_waits_for_the_last(sup):
    """The first failure in time is the status; what somebody stopped counts for nothing."""
    s = sup(conf(program("late", "run=2500 exit=9", autorestart="false"),
                 program("early", "run=1200 exit=3", autorestart="false"),
                 program("good", "run=1200", autorestart="false"), program("idle", autostart="false"),
                 program("stopped"), supd="exit_on=all"))
    wait_record(s, "stopped", "start")
    s.ctl("stop", "stopped")
    assert s.wait_exit() == 3
    assert len(record(s, "late", "end")) == 1


def test_all_and_everything_is_well(sup):
    s = sup(conf(program("a", "run=1200", autorestart="false"), program("b", "run=1300", autorestart="false"),
                 supd="exit_on=all"), ready=False)
    assert s.wait_exit() == 0
    s.wait_log(r"is EXITED \(exit status 0\) and \[supd\] exit_on=all: ending with status 0")


@pytest.mark.parametrize("code,status", [
    ("own", 3), ("7", 7), ("3:0", 0), ("4:0", 3), ("4:0,*:5", 5), ("3:own,*:5", 3), ("TERM:0,3:44", 44)])
def test_exit_code(sup, code, status):
    s = sup(conf(program("one", "run=1200 exit=3", autorestart="false", exit_code=code), supd="exit_on=any"), ready=False)
    assert s.wait_exit() == status


@pytest.mark.parametrize("command,status", [("/no/such/command", 127), ("/etc/passwd", 126), ("/bin/true", 1)])
def test_one_that_cannot_start_is_no_success(sup, command, status):
    s = sup(conf(program("one", command=command, startretries=0), supd="exit_on=any"), ready=False)
    assert s.wait_exit() == status


@pytest.mark.parametrize("pid1", [True, False])
@pytest.mark.parametrize("code,want", [("own", "signal"), ("137:0", 0), ("KILL:6", 6)])
def test_a_signal(sup, pid1, code, want):
    """As PID 1 we cannot die of it; else we do, so that who waits for us sees it."""
    s = sup(conf(program("one", "run=1200 die=KILL", autorestart="false", exit_code=code), supd="exit_on=any"),
            pid1=pid1, ready=False)
    assert s.wait_exit() == (128 + signal.SIGKILL if want == "signal" else want)


def test_a_term_that_came_first(sup):
    s = sup(conf(program("one", command="sh -c 'trap \"exit 5\" TERM; echo up; while :; do sleep 0.1; done'",
                         stdout_logfile="%(here)s/out"), supd="exit_on=any"))
    s.wait_file("out", "up")
    assert s.stop() == 0


WRONG = [("exit_on=sometimes", {}, "exit_on"), ("", {"exit_code": "300"}, "'300' is no exit status"),
         ("", {"exit_code": "1:2:3"}, "'2:3' is no exit status"), ("", {"exit_code": "NOSIG:1"}, "'NOSIG' is no exit status"),
         ("", {"exit_code": "3,4"}, "'3' is not FROM:TO"), ("", {"exit_code": ""}, "exit_code")]
ODD = [("exit_on=any", {"critical": "true"}, "has no effect without [supd] exit_on=critical"),
       ("exit_on=critical", {}, "no program has critical=true"),
       ("", {"exit_code": "3"}, "this program never ends supd")]


@pytest.mark.parametrize("supd,keys,says", WRONG + ODD)
def test_what_check_says(sup, supd, keys, says):
    s = sup(conf(program("a")))
    s.write("other.conf", conf(program("one", **keys), supd=supd))
    out = subprocess.run([build_supd("supd"), "--check", "-c", s.path("other.conf")], capture_output=True, text=True,
                         timeout=30, check=False)
    assert says in out.stderr + out.stdout
    assert out.returncode == (2 if (supd, keys, says) in WRONG else 0)


def table_of(text, row):
    """{exit_on: [EXITED, FATAL, on_fatal=exit]} of the lines of a page that match, which has three groups behind the name."""
    return {m[1]: [x.strip() for x in m.groups()[1:]] for m in re.finditer(row, text, re.M)}


def test_the_pages_have_the_table():
    """The man page and docs/supervisor.md say the same, and what test_the_table does."""
    with open(os.path.join(ROOT, "docs/man/supd.conf.5.in"), encoding="utf-8") as f:
        man = table_of(f.read(), r"^\.It (never|any|all|critical) Ta (.*?) Ta (.*?) Ta (.*)$")
    with open(os.path.join(ROOT, "docs/supervisor.md"), encoding="utf-8") as f:
        page = table_of(f.read(), r"^\| `(never|any|all|critical)`[^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|$")
    assert {k: [x.replace("`", "") for x in v] for k, v in page.items()} == man and len(man) == 4
    for on, what, keys, status in TABLE:
        column = 2 if what is VITAL else 1 if what is FATAL else 0
        says = man[on][column]
        ends = says == "ends" or (says == "ends if critical=true" and "critical" in keys)
        assert ends == (status is not None), (on, what, keys)
