"""The shortest way through everything: start, run, die, come back, stop."""
import signal

import pytest

from harness.supervised import program

CONF = """
[supervisord]
user=root
[program:worker]
command=sh -c 'echo up; exec sleep 1000'
startsecs=0
autorestart=true
stdout_logfile=%(here)s/worker.log
"""


@pytest.mark.caps
@pytest.mark.parametrize("pid1", [True, False])
def test_a_life(sup, pid1):
    s = sup(CONF, pid1=pid1)
    first = s.wait_state("worker", "RUNNING")
    s.wait_file("worker.log", "up")
    assert s.kill(first["pid"], signal.SIGKILL)
    again = s.wait(lambda: next((r for r in s.status().values() if r["restarts"] == 1), None), 10)
    assert again["pid"] != first["pid"]
    s.wait_state("worker", "RUNNING")
    s.wait_file("worker.log", "up\nup")
    assert s.stop() == 0


def test_a_wrong_configuration(sup):
    s = sup("[supervisord]\n[program:x]\nnumprocs=many\n", ready=False)
    assert s.wait_exit() == 2
    assert "numprocs" in s.log_text()


def test_a_missing_helper(sup):
    """A supd-log that is not there is said, with the folders and the option, before anything starts."""
    host = sup(CONF)
    host.run("mkdir", host.path("lone"))
    host.run("cp", program("supd"), host.path("lone", "supd"))
    host.write("lone.conf", "[supervisord]\n[supd]\nsocket=%(here)s/lone.sock\n[program:p]\n"
               "command=touch %(here)s/started\n")
    done = host.run("timeout", "10", host.path("lone", "supd"), "-c", host.path("lone.conf"))
    assert done.returncode == 2
    assert f"cannot find supd-log in {host.path('lone')}, " in done.stderr
    assert "[supd] libexec=" in done.stderr and host.read("started") == ""
    assert host.run("test", "-e", host.path("started")).returncode != 0
