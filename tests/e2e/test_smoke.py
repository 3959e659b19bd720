"""The shortest way through everything: start, run, die, come back, stop."""
import signal

import pytest

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
