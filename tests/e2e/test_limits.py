"""What the kernel is told about a program: limits, scheduling, capabilities; and what it refuses."""
import os
import re
import signal

import pytest

from harness.beacon import conf, program
from harness.namespace import status_of
from harness.waiting import wait

SLEEP = "busybox sleep 1000"


def sleeper(name, **keys):
    return program(name, command=SLEEP, startsecs=keys.pop("startsecs", 0), startretries=0, **keys)


def outer(s, name):
    pid = s.ns.outer(s.wait(lambda: s.status()[name]["pid"], 10, "it is started"))
    wait(lambda: os.readlink(f"/proc/{pid}/exe").endswith("busybox"), 10, "the exec is done")
    return pid


def limit(pid, name):
    text = open(f"/proc/{pid}/limits").read()
    return re.search(rf"^Max {name} +(\S+) +(\S+)", text, re.M).groups()


def caps(pid, name):
    return int(status_of(pid, name)[0], 16)


def test_limits(sup):
    s = sup(conf(
        sleeper("two", limit_nofile="64:128", limit_core="0", limit_cpu="1500ms:1m", limit_stack="1MB:unlimited"),
        sleeper("one", limit_nofile="100", limit_as="unlimited", limit_rttime="2ms"),
        sleeper("none")))
    pid = outer(s, "two")
    assert limit(pid, "open files") == ("64", "128")
    assert limit(pid, "core file size") == ("0", "0")
    assert limit(pid, "cpu time") == ("2", "60"), "whole seconds, never fewer than asked for"
    assert limit(pid, "stack size") == ("1048576", "unlimited")
    pid = outer(s, "one")
    assert limit(pid, "open files") == ("100", "100")
    assert limit(pid, "realtime timeout") == ("2000", "2000")
    assert limit(outer(s, "none"), "core file size") == limit("self", "core file size")


def test_scheduling(sup):
    s = sup(conf(sleeper("low", nice="7", ionice="best-effort:6", oom_score_adj="300", cpu_affinity="0"),
                 sleeper("idle", ionice="idle"), sleeper("none")))
    low, none = outer(s, "low"), outer(s, "none")
    assert os.getpriority(os.PRIO_PROCESS, low) == 7
    assert os.sched_getaffinity(low) == {0}
    assert open(f"/proc/{low}/oom_score_adj").read() == "300\n"
    assert os.getpriority(os.PRIO_PROCESS, none) == os.getpriority(os.PRIO_PROCESS, 0)
    assert os.sched_getaffinity(none) == os.sched_getaffinity(0)
    # neither supd nor its other programs got it with the one that asked
    mine = open("/proc/self/oom_score_adj").read()
    assert open(f"/proc/{none}/oom_score_adj").read() == mine
    assert open(f"/proc/{s.pid}/oom_score_adj").read() == mine
    for name, said in (("low", "best-effort: prio 6"), ("idle", "idle")):
        assert s.run("ionice", "-p", str(s.status()[name]["pid"])).stdout.strip() == said


@pytest.mark.caps
def test_capabilities(sup):
    s = sup(conf(
        sleeper("few", capabilities="net_bind_service, CAP_CHOWN"),
        sleeper("nothing", capabilities="none", no_new_privileges="true"),
        sleeper("bind", user="nobody", ambient_capabilities="net_bind_service",
                capabilities="net_bind_service"),
        sleeper("plain", user="nobody")))
    few, bind = outer(s, "few"), outer(s, "bind")
    assert caps(few, "CapBnd") == caps(few, "CapEff") == 1 << 10 | 1 << 0
    assert caps(outer(s, "nothing"), "CapEff") == 0
    assert status_of(outer(s, "nothing"), "NoNewPrivs") == ["1"]
    assert status_of(bind, "Uid")[0] == "65534"
    assert caps(bind, "CapEff") == caps(bind, "CapAmb") == caps(bind, "CapBnd") == 1 << 10
    assert caps(outer(s, "plain"), "CapEff") == 0 and status_of(outer(s, "plain"), "NoNewPrivs") == ["0"]


# so much supd is given itself, in prlimit's words
LIMITS = {"core": 0, "cpu": 1000, "memlock": 1 << 20, "nproc": 5000, "stack": 8 << 20, "msgqueue": 1000,
          "rttime": 10 ** 7, "sigpending": 100, "fsize": 1 << 30, "data": 1 << 50, "rss": 1 << 50, "locks": 10}


def test_what_is_refused_says_what_it_needs(sup):
    s = sup(conf(
        sleeper("files", limit_nofile="4096"),
        sleeper("nice", nice="-5"),
        sleeper("oom", oom_score_adj="-900"),
        sleeper("ambient", user="nobody", ambient_capabilities="sys_admin"),
        sleeper("cpus", cpu_affinity="1000-1023"),
        sleeper("ionice", ionice="realtime:1"),
        *(sleeper(name, **{f"limit_{name}": "unlimited"}) for name in LIMITS),
        sleeper("fine", nice="-5 optional", limit_nofile="4096 optional", startsecs=1),
        sleeper("once", nice="-5 optional", limit_nofile="4096 optional")),
        prefix=["prlimit", "--nofile=1024:1024", *(f"--{n}={v}:{v}" for n, v in LIMITS.items()), "setpriv",
                "--bounding-set=-sys_resource,-sys_nice,-sys_admin",
                "--inh-caps=-sys_resource,-sys_nice,-sys_admin"])
    for name, said in (
            ("files", "cannot set limit_nofile to 4096:4096: Operation not permitted "
                      "(raising the hard limit needs CAP_SYS_RESOURCE)"),
            ("nice", "cannot set nice to -5: Permission denied (CAP_SYS_NICE is missing)"),
            ("ionice", "cannot set ionice: Operation not permitted (CAP_SYS_NICE is missing)"),
            *((n, f"cannot set limit_{n} to unlimited:unlimited: Operation not permitted "
                  "(raising the hard limit needs CAP_SYS_RESOURCE)") for n in LIMITS),
            ("oom", "cannot set oom_score_adj to -900: Permission denied "
                    "(lowering it needs CAP_SYS_RESOURCE)"),
            ("ambient", "cannot set ambient_capabilities: Operation not permitted (supd has no "
                        "sys_admin itself, or capabilities= leaves it out)"),
            ("cpus", "cannot set cpu_affinity: none of these CPUs is there, or allowed")):
        s.wait_state(name, "FATAL")
        s.wait_log(re.escape(said))
    s.wait_state("fine", "RUNNING")
    for name in ("fine", "once"):  # with startsecs=0 it is RUNNING before its child has tried
        s.wait_log(rf"WARN {name}: started without what the kernel refused and its options call optional: "
                   r"limit_nofile, nice")
    assert os.getpriority(os.PRIO_PROCESS, outer(s, "fine")) == os.getpriority(os.PRIO_PROCESS, 0)


def test_dies_with_supd(sup):
    s = sup(conf(sleeper("with", die_with_supd="true", user="nobody"), sleeper("without")), pid1=False)
    pids = [outer(s, n) for n in ("with", "without")]
    files = [os.pidfd_open(p) for p in pids]
    os.kill(s.pid, signal.SIGKILL)
    wait(lambda: not alive(files[0]), 10, "the one that asked for it is gone")
    assert alive(files[1])
    signal.pidfd_send_signal(files[1], signal.SIGKILL)
    wait(lambda: not s.left(), 10, "supd-log has ended, too")
    for f in files:
        os.close(f)


def alive(pidfd):
    try:
        signal.pidfd_send_signal(pidfd, 0)
        return True
    except ProcessLookupError:
        return False


def test_changed_limits_restart_the_program(sup):
    s = sup(conf(sleeper("a", limit_nofile="64"), sleeper("b")))
    before = {n: outer(s, n) for n in "ab"}
    s.write("supd.conf", conf(sleeper("a", limit_nofile="65"), sleeper("b")))
    s.ok("update")
    s.wait_state("a", "RUNNING")
    assert limit(outer(s, "a"), "open files") == ("65", "65")
    assert outer(s, "b") == before["b"]


SHOW = """#!/bin/sh
busybox env -0 >"$1.new"
mv "$1.new" "$1"
exec busybox sleep 1000
"""


def shown(s, name):
    text = s.wait_file(f"out/{name}", r"[\s\S]+\0", 10).group(0)
    return dict(pair.split("=", 1) for pair in text.split("\0")[:-1])


def shower(name, **keys):
    return program(name, command="%(here)s/show %(here)s/out/" + name, autostart="false", startsecs=0, **keys)


def test_environment(sup):
    s = sup(conf(shower("before")), env={"TEST_LANG": "de", "TEST_LC_A": "1", "TEST_SECRET": "s"})
    os.mkdir(s.path("out"))
    os.chmod(s.path("out"), 0o1777)
    os.chmod(s.write("show", SHOW), 0o755)
    s.write("a.env", "# comment\n; and one more\nA=plain  \nB=\"two words\" \nC='it'\\''s'\nD=one \\\n two\n"
                     "E=\"several\nlines \\\"here\\\"\"\nA=again\nTEST_LANG=en\n")
    s.write("d.env", "# comment\nQ=\"kept\"  \nTEST_SECRET\nNOT_THERE\n")
    s.write("supd.conf", conf(
        shower("systemd", env_file="a.env,-missing.env", environment='B="own"'),
        shower("docker", env_file="d.env", env_file_format="docker"),
        shower("clear", env_clear="true", env_pass="TEST_L*", environment="X=1"),
        shower("home", user="nobody", set_home="true"),
        shower("number", user="12345")))
    s.ok("update")
    s.ok("start", "all")
    env = shown(s, "systemd")
    assert {k: env[k] for k in "ABCDE"} == {"A": "again", "B": "own", "C": "it's", "D": "one  two",
                                            "E": 'several\nlines "here"'}
    assert env["TEST_LANG"] == "en" and env["TEST_SECRET"] == "s"
    env = shown(s, "docker")
    assert env["Q"] == '"kept"  ' and env["TEST_SECRET"] == "s" and "NOT_THERE" not in env
    env = shown(s, "clear")
    assert {k for k in env if not k.startswith(("SUPD_", "SUPERVISOR_"))} - {"PWD", "SHLVL", "_", "OLDPWD"} == \
        {"TEST_LANG", "TEST_LC_A", "X"}
    assert env["SUPERVISOR_PROCESS_NAME"] == "clear" and "SUPD_MARK" in env
    env = shown(s, "home")
    assert [env[k] for k in ("HOME", "USER", "LOGNAME", "SHELL")] == ["/nonexistent", "nobody", "nobody", "/usr/sbin/nologin"]
    pid = s.ns.outer(s.status()["number"]["pid"])
    assert status_of(pid, "Uid") == ["12345"] * 4 and status_of(pid, "Gid") == ["12345"] * 4
    assert status_of(pid, "Groups") == ["12345"]

    # a changed file is a change of its program alone
    before = {n: p["pid"] for n, p in s.status().items()}
    s.write("d.env", "Q=other\n")
    os.unlink(s.path("out", "docker"))
    s.ok("update")
    assert shown(s, "docker")["Q"] == "other"
    after = {n: p["pid"] for n, p in s.status().items()}
    assert {n for n in after if after[n] != before[n]} == {"docker"}
