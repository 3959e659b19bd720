"""How supd begins: what it is started with, and what may come in between."""
import os
import signal

import pytest

from harness.beacon import conf, program, starts, wait_record
from harness.namespace import status_of
from harness.waiting import wait

MANY = "".join(program(f"x{i}", autostart="false", stdin="null") for i in range(4000))


def wait_load_child(s):
    """Waits until supd itself, and not what becomes supd, has a child."""
    def there():
        pid = s.pid
        return pid and status_of(pid, "Name") == ["supd"] and \
            open(f"/proc/{pid}/task/{pid}/children", encoding="ascii").read()
    wait(there, 10, "the load child", every=0.001)


@pytest.mark.parametrize("pid1", [True, False])
def test_term_while_the_configuration_is_read(sup, pid1):
    s = sup(conf(program("a"), MANY), ready=False, pid1=pid1)
    wait_load_child(s)
    assert s.stop() == 0
    assert not starts(s, "a")


def test_hup_while_the_configuration_is_read(sup):
    s = sup(conf(program("a"), MANY), ready=False)
    wait_load_child(s)
    s.write("supd.conf.new", conf(program("b")))
    s.run("mv", s.path("supd.conf.new"), s.path("supd.conf"))
    s.send(signal.SIGHUP)
    s.wait_ready()
    s.wait_state("b", "RUNNING")
    s.wait(lambda: set(s.status()) == {"b"})


def test_a_large_environment(sup):
    s = sup(conf(program("a")), env={f"V{i}": "x" * 100 for i in range(6000)})
    wait_record(s, "a", "start")


@pytest.mark.parametrize("pid1", [True, False])
def test_pid_file(sup, pid1):
    s = sup(conf(program("a")).replace("[supervisord]", "[supervisord]\npidfile=%(here)s/pid"), pid1=pid1)
    s.wait_file("pid", r"^\d+\n")
    assert s.stop() == 0
    assert not os.path.exists(s.path("pid"))


def test_a_pid_file_that_is_no_longer_ours_stays(sup):
    s = sup(conf(program("a")).replace("[supervisord]", "[supervisord]\npidfile=%(here)s/pid"))
    s.wait_file("pid", r"^\d+\n")
    s.write("pid", "77\n")
    assert s.stop() == 0
    assert s.read("pid") == "77\n"


def test_minprocs(sup):
    s = sup(conf(program("a", command="/bin/sh -c 'ulimit -p; exec sleep 1000'",
                         stdout_logfile="%(here)s/out")), prefix=["prlimit", "--nproc=50:500"])
    assert s.wait_file("out", r"^(\d+)\n").group(1) == "200"


LIMITED = """exec >/dev/null; test "$(ulimit -Sf) $(ulimit -Hf)" = "%s" && : >$TEST_DIR/limit;
exec sleep 1000"""


@pytest.mark.parametrize("limit,shown", [("512:unlimited", "1 unlimited"), ("33554432:33554432", "65536 65536")])
def test_a_limit_of_file_sizes_is_for_the_programs(sup, limit, shown):
    s = sup(conf(program("a", command=f"/bin/sh -c '{LIMITED % shown}'".replace("\n", " "))),
            prefix=["prlimit", f"--fsize={limit}"], ready=False)
    s.wait(lambda: os.path.exists(s.path("limit")))
    s.wait_ready()


def test_a_limit_of_file_sizes_that_is_too_low(sup):
    """Where even the hard limit is below what supd-log needs, and we may not raise it."""
    s = sup(conf(program("a")), prefix=["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-all",
                                        "prlimit", "--fsize=512:512"], ready=False)
    assert s.wait_exit() == 1
    assert "the limit of file sizes is 512 and cannot be raised" in s.log_text()


def test_a_low_limit_of_file_sizes_that_cannot_be_raised(sup):
    """Less memory for output, said once; all else is as ever."""
    s = sup(conf(program("a", command="/usr/bin/seq 3000", autostart="false", startsecs=0, autorestart="false",
                         stdout_logfile="%(here)s/a.log"),
                 program("b", startsecs=0)),
            prefix=["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-all",
                    "prlimit", "--fsize=1048576:1048576"])
    s.wait_log(r"the limit of file sizes, 1048576 bytes, leaves memory for \d+ log streams and \d+ bytes of output")
    wait_record(s, "b", "start")
    s.ok("start", "a")
    s.wait_state("a", "EXITED")
    s.wait(lambda: s.read("a.log") == "".join(f"{i}\n" for i in range(1, 3001)))


def test_a_log_that_may_not_grow(sup):
    """Logs obey the limit: with backups they rotate there, else what is too much is dropped."""
    s = sup(conf(program("old", command="/usr/bin/seq 3000", autorestart="false", startsecs=0,
                         stdout_logfile="%(here)s/old.log"),
                 program("one", command="/usr/bin/seq -f %%09.0f 70000", autorestart="false", startsecs=0,
                         stdout_logfile="%(here)s/one.log", stdout_logfile_maxbytes=0),
                 supd="log_memory=262144"), prefix=["prlimit", "--fsize=8192:unlimited"])
    for name in ("old", "one"):
        s.wait_state(name, "EXITED")
    numbers = "".join(f"{i}\n" for i in range(1, 3001))
    s.wait(lambda: s.read("old.log.1") + s.read("old.log") == numbers)
    assert len(s.read("old.log.1")) == 8192
    s.wait(lambda: int(s.ask("stats")[1]["log_lost_bytes"]) > 300000)
    assert s.read("one.log") == "".join(f"{i:09}\n" for i in range(1, 821))[:8192]
    os.truncate(s.path("one.log"), 0)
    s.wait_file("one.log", r"\[supd: \d+ lines, \d+ bytes of one stdout dropped\]")


def test_without_proc(sup):
    s = sup(conf(program("a")), pid1=True,
            prefix=["sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"])
    wait_record(s, "a", "start")


def test_gave_up_is_not_said_of_a_shutdown(sup):
    s = sup(conf(program("a", "run=1 exit=1", backoff="30s")))
    s.wait_state("a", "BACKOFF")
    assert s.stop() == 0
    assert "gave up" not in s.log_text()
