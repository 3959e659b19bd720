"""A real queue: Debian's Redis and Celery under supd, its workers killed again and again."""
import glob
import os
import re
import signal
import time

import pytest

from harness.waiting import wait

TASKS = 2000
KILLS = 20
LIMIT = 180  # seconds from the first task to the last
BUSY = 5     # tasks that a worker has begun before it is killed

CONF = """
[supervisord]
logfile=/dev/stderr

[program:redis]
command=/usr/bin/redis-server --port 0 --unixsocket %(here)s/out/redis.sock --unixsocketperm 777 --save '' --appendonly no --dir %(here)s/out
user=nobody
autostart=false
stdout_logfile=%(here)s/redis.log
redirect_stderr=true

[program:worker]
command=/usr/bin/python3 -m celery -A tasks worker --concurrency 2 --loglevel WARNING --without-mingle -n %(process_num)d@test
process_name=w%(process_num)d
numprocs=2
user=nobody
autostart=false
directory=%(here)s
environment=PYTHONUNBUFFERED="1",PYTHONDONTWRITEBYTECODE="1",HOME="/nonexistent"
stopwaitsecs=30
redirect_stderr=true
stdout_logfile=%(here)s/w%(process_num)d.log
stdout_logfile_maxbytes=32KB
stdout_logfile_backups=100
"""

APP = '''
"""The tasks: each says on stdout that it begins, then the same in a file; then it works."""
import os
import sys
import time

import redis
from celery import Celery
from celery.signals import worker_ready

HERE = os.path.dirname(os.path.abspath(__file__))
SOCKET = HERE + "/out/redis.sock"

app = Celery("tasks", broker="redis+socket://" + SOCKET)
app.conf.task_acks_late = True
app.conf.worker_prefetch_multiplier = 1
app.conf.task_ignore_result = True
app.conf.worker_redirect_stdouts = False
app.conf.broker_transport_options = {"visibility_timeout": 10, "unacked_mutex_expire": 10}
done = redis.Redis(unix_socket_path=SOCKET)


@worker_ready.connect
def tick(sender, **_):
    """When both processes of a worker end a task in the same turn, its Redis client asks for more
    only when something else wakes it, often seconds later."""
    sender.hub.call_repeatedly(0.1, lambda: None)


@app.task
def work(n):
    line = f"task {n} of {os.getppid()} in {os.getpid()} at {time.monotonic_ns()}\\n"
    sys.stdout.write(line)
    with open(HERE + "/out/began", "a") as f:
        f.write(line)
        f.flush()  # what the kernel has outlives the process
    time.sleep(0.05)
    done.sadd("done", n)


def send(numbers):
    for n in numbers:
        work.delay(n)
'''


def redis(s, *command):
    done = s.run("/usr/bin/redis-cli", "-s", s.path("out", "redis.sock"), *command)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def send(s, numbers):
    done = s.run("/usr/bin/python3", "-B", "-c",
                 f"import sys; sys.path.insert(0, {s.dir!r})\n"
                 f"import tasks; tasks.send({list(numbers)!r})", timeout=60)
    assert done.returncode == 0, done.stderr


def is_busy(s, record):
    """The worker is RUNNING and this instance of it has begun BUSY tasks."""
    begun = re.findall(rf"^task \d+ of {record['pid']} in ", s.read("out/began"), re.M)
    return record["state"] == "RUNNING" and len(begun) >= BUSY


def kill_workers(s, end):
    """Kills the two workers' process groups in turn, each only when it runs and works."""
    kills = {"worker:w0": 0, "worker:w1": 0}
    killed = set()
    for i in range(KILLS):
        name = f"worker:w{i % 2}"

        def busy():
            record = s.status()[name]
            return record if record["pid"] not in killed and is_busy(s, record) else None

        pid = wait(busy, max(1, end - time.monotonic()), f"{name} runs and works", every=0.1)["pid"]
        os.killpg(s.ns.outer(pid), signal.SIGKILL)
        killed.add(pid)
        kills[name] += 1
    return kills


def missing(s):
    return sorted(set(range(TASKS)) - {int(n) for n in redis(s, "smembers", "done")})


def wait_done(s, end):
    """Waits for the last task; returns how many had to be sent again.

    Celery's Redis client forgets a task when it is killed between taking it from the queue and
    writing down that it has it. A producer sends such a task again, and so does this test: when
    nothing is queued and nothing is held, at most one for each kill.
    """
    again = 0

    def finished():
        nonlocal again
        if redis(s, "scard", "done") == [str(TASKS)]:
            return True
        if redis(s, "llen", "celery") == ["0"] and redis(s, "hlen", "unacked") == ["0"]:
            lost = missing(s)
            again += len(lost)
            assert again <= KILLS, f"{again} tasks are lost"
            send(s, lost)
        return False

    wait(finished, max(1, end - time.monotonic()), lambda: f"done; missing: {missing(s)}", every=0.5)
    return again


def logged(s):
    lines = set()
    for path in glob.glob(s.path("w?.log*")):
        with open(path, encoding="utf-8") as f:
            lines.update(f)
    return lines


@pytest.mark.release
@pytest.mark.timeout(LIMIT + 90)
def test_killed_workers_lose_nothing(sup):
    s = sup(CONF, pid1=False)
    s.write("tasks.py", APP)
    os.mkdir(s.path("out"))
    os.chmod(s.path("out"), 0o777)
    s.ok("start", "redis")
    wait(lambda: redis(s, "ping") == ["PONG"], 10, "Redis answers")
    s.ok("start", "worker:*")

    end = time.monotonic() + LIMIT
    send(s, range(TASKS))
    kills = kill_workers(s, end)
    killed = LIMIT - (end - time.monotonic())
    again = wait_done(s, end)
    took = LIMIT - (end - time.monotonic())

    status = s.status()
    assert {name: status[name]["restarts"] for name in kills} == kills
    assert all(status[name]["state"] == "RUNNING" for name in ("redis", *kills))
    assert status["redis"]["restarts"] == 0

    assert s.stop(timeout=60) == 0
    assert s.ns.pids(zombies=True) == [s.ns.init], s.left()
    began = s.read("out/began").splitlines(keepends=True)
    silent = set(began) - logged(s)
    assert not silent, f"{len(silent)} of {len(began)} lines are not in the logs: {sorted(silent)[:5]}"
    print(f"{TASKS} tasks, {len(began)} begun, {KILLS} kills, {again} sent again, "
          f"{took:.0f} s, {killed:.0f} s of them with kills")
