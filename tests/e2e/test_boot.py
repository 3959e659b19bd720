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


def test_without_proc(sup):
    s = sup(conf(program("a")), pid1=True,
            prefix=["sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"])
    wait_record(s, "a", "start")


def test_gave_up_is_not_said_of_a_shutdown(sup):
    s = sup(conf(program("a", "run=1 exit=1", backoff="30s")))
    s.wait_state("a", "BACKOFF")
    assert s.stop() == 0
    assert "gave up" not in s.log_text()
