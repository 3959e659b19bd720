"""Debian's Redis and Celery under supd, and what is told of them: tasks that fail at 1 %, at 30 % and at
1 % again, and a worker that dies again and again."""
import json
import os
import re
import signal
import time

import pytest

from harness.beacon import late
from harness.waiting import wait

WINDOW, FOR = 5, 2  # seconds: window=, and for= and keep_firing=

CONF = """
[supervisord]
[supd]

[program:redis]
command=/usr/bin/redis-server --port 0 --unixsocket %(here)s/out/redis.sock --unixsocketperm 777 --save '' --appendonly no --dir %(here)s/out
user=nobody
autostart=false
stdout_logfile=%(here)s/redis.log
redirect_stderr=true

[program:worker]
command=/usr/bin/python3 -m celery -A tasks worker --concurrency 1 --loglevel INFO --without-mingle --without-gossip -n %(process_num)d@test
process_name=w%(process_num)d
numprocs=2
user=nobody
autostart=false
directory=%(here)s
environment=PYTHONUNBUFFERED="1",PYTHONDONTWRITEBYTECODE="1",HOME="/nonexistent"
stopwaitsecs=30
redirect_stderr=true
stdout_logfile=%(here)s/w%(process_num)d.log

[program:producer]
command=/usr/bin/python3 -m tasks
user=nobody
autostart=false
directory=%(here)s
environment=PYTHONDONTWRITEBYTECODE="1",HOME="/nonexistent"
redirect_stderr=true
stdout_logfile=%(here)s/producer.log

[agent]
state_dir=%(here)s/agent

; Celery's own words, as it writes them with --loglevel INFO
[metric:tasks]
type=lines
program=worker
total=Task tasks\\.work\\[\\S+\\] (succeeded|raised)
errors=Task tasks\\.work\\[\\S+\\] raised unexpected
cell=1s

[alert:tasks-fail]
type=ratio
metric=tasks
over=10%%
window=5s
for=2s
keep_firing=2s
severity=page
summary={{value}} of {{n}} tasks failed in {{window}}
description={{text}}
runbook=https://runbooks.example/tasks

[alert:worker-restarts]
type=program
program=worker
state=FATAL
restarts=3
window=1m
for=0s
severity=critical
description={{text}}

[notify:file]
type=command
command=tee -a %(here)s/agent/notices
"""

APP = '''
"""Tasks of which so many of a hundred fail as Redis has under "rate"; run by itself, who sends them."""
import os
import time

import redis
from celery import Celery
from celery.signals import worker_ready

SOCKET = os.path.dirname(os.path.abspath(__file__)) + "/out/redis.sock"

app = Celery("tasks", broker="redis+socket://" + SOCKET)
app.conf.task_ignore_result = True
app.conf.worker_redirect_stdouts = False
db = redis.Redis(unix_socket_path=SOCKET)


@worker_ready.connect
def tick(sender, **_):
    """Its Redis client sometimes asks for more only when something else wakes it."""
    sender.hub.call_repeatedly(0.05, lambda: None)


@app.task
def work(n):
    if n * 37 % 100 < int(db.get("rate")):
        raise RuntimeError("the invoice has no customer")


def main():
    n = 0
    while not db.exists("stop"):
        if db.llen("celery") < 50:
            n += 1
            work.delay(n)
        time.sleep(0.02)


if __name__ == "__main__":
    main()
'''


def redis(s, *command):
    done = s.run("/usr/bin/redis-cli", "-s", s.path("out", "redis.sock"), *command)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def records(s, *words):
    done = s.ctl("--json", *words)
    return json.loads(done.stdout) if done.returncode in (0, 3) else []


def state(s, alert="tasks-fail"):
    return {a["name"]: a["state"] for a in records(s, "alerts")}.get(alert)


def window(s, length):
    """(tasks, failed) of the metric over that window."""
    for w in records(s, "metrics", "tasks"):
        if w["window"] == length:
            return int(w["total"]), int(w["errors"])
    return 0, 0


def lengths(s):
    return [w["window"] for w in records(s, "metrics", "tasks")]


def notices(s, alert):
    told = [json.loads(line) for line in s.read("agent/notices").splitlines(keepends=True) if line.endswith("\n")]
    return [n for n in told if n["alert"] == alert]


def in_logs(s, pattern):
    return [len(re.findall(pattern, s.read(f"w{i}.log"))) for i in (0, 1)]


def counted(s):
    """Tasks that the metric has seen, all in all; the longest window is older than the test."""
    return window(s, lengths(s)[-1])


@pytest.mark.release
@pytest.mark.timeout(150)
def test_tasks_that_fail_and_a_worker_that_dies(sup):
    s = sup(CONF, pid1=False)
    s.write("tasks.py", APP)
    os.mkdir(s.path("out"))
    os.chmod(s.path("out"), 0o777)
    s.ok("start", "redis")
    wait(lambda: redis(s, "ping") == ["PONG"], 10, "Redis answers")
    redis(s, "set", "rate", "1")
    s.ok("start", "worker:*", "producer")

    # one in a hundred: nobody is told, however long it goes on
    s.wait(lambda: counted(s)[0] >= 300, 60)
    total, failed = counted(s)
    assert 0 < failed <= total * 0.02, (total, failed)
    assert state(s) == "OK" and not notices(s, "tasks-fail")

    # three in ten: one notice, with the numbers in it
    redis(s, "set", "rate", "30")
    since = time.monotonic()
    fired = s.wait(lambda: notices(s, "tasks-fail"), 30)
    assert time.monotonic() - since < WINDOW + FOR + 2 * late() / 1000
    assert len(fired) == 1 and fired[0]["status"] == "firing" and fired[0]["severity"] == "page"
    said = re.fullmatch(r"([\d.]+)% of (\d+) tasks failed in 5s", fired[0]["summary"])
    assert said and 10 < float(said[1]) < 40 and int(said[2]) > 20, fired[0]["summary"]
    assert re.match(r"\d+ of \d+ requests failed in the last 5s: [\d.]+%, surely above [\d.]+%; limit 10%",
                    fired[0]["description"]), fired[0]["description"]
    assert fired[0]["runbook"] == "https://runbooks.example/tasks" and fired[0]["limit"] == 0.1
    before = counted(s)[0]
    s.wait(lambda: counted(s)[0] > before + 150, 30)
    assert state(s) == "FIRING" and len(notices(s, "tasks-fail")) == 1

    # and back: its end, once
    redis(s, "set", "rate", "1")
    since = time.monotonic()
    s.wait(lambda: len(notices(s, "tasks-fail")) > 1, 30)
    assert time.monotonic() - since < WINDOW + FOR + 2 * late() / 1000
    before = counted(s)[0]
    s.wait(lambda: counted(s)[0] > before + 150, 30)
    told = notices(s, "tasks-fail")
    assert [n["status"] for n in told] == ["firing", "resolved"] and state(s) == "OK"
    assert told[0]["key"] == told[1]["key"]

    # every line of both workers was counted, and none twice
    redis(s, "set", "stop", "1")
    s.wait_state("producer", "EXITED", timeout=20)
    s.wait(lambda: redis(s, "llen", "celery") == ["0"])
    succeeded, raised = in_logs(s, "succeeded in"), in_logs(s, "raised unexpected")
    assert min(succeeded) > 50 and min(raised) > 5
    s.wait(lambda: counted(s) == (sum(in_logs(s, "succeeded in")) + sum(in_logs(s, "raised unexpected")),
                                  sum(in_logs(s, "raised unexpected"))))

    # a worker that dies three times in a minute
    assert not notices(s, "worker-restarts")
    for _ in range(3):
        pid = s.wait_state("worker:w0", "RUNNING")["pid"]
        os.killpg(s.ns.outer(pid), signal.SIGKILL)
        s.wait(lambda pid=pid: s.status()["worker:w0"]["pid"] not in (0, pid))
    died = s.wait(lambda: notices(s, "worker-restarts"))
    assert len(died) == 1 and died[0]["status"] == "firing"
    assert died[0]["description"] == "3 restarts of worker in the last 1m, limit 3"
    assert s.stop(timeout=60) == 0
