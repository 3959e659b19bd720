"""Metrics of real programs: their lines, exits and StatsD's datagrams, as supctl shows the windows."""
import json
import os
import signal
import socket
import time

from harness.namespace import command_of
from harness.waiting import wait

HEAD = """[supd]
[agent]
state_dir=%(here)s/state
[supervisord]
childlogdir=%(here)s
"""
# says what it finds in its file, line by line, and waits for more
TAIL = """[program:{name}]
command=/bin/sh -c "touch %(here)s/{name}.in; exec tail -c +1 -f %(here)s/{name}.in"
"""


def metrics(s):
    """name -> (total, errors, share known) of the first window shown"""
    done = s.ctl("--json", "metrics")
    if done.returncode not in (0, 3):
        return {}
    found = {}
    for row in json.loads(done.stdout):
        found.setdefault(row["name"], row)
    return found


def counts(s, name):
    row = metrics(s).get(name)
    return (int(row["total"]), int(row["errors"])) if row else None


def say(s, name, data):
    with open(s.path(f"{name}.in"), "ab") as f:
        f.write(data)


def lines_of(program):
    return f"type=lines\nprogram={program}\nerrors=ERR$\nstream=stdout\n"


def test_lines_of_many_programs_and_of_a_group(sup):
    names = [f"p{i}" for i in range(70)]
    s = sup(HEAD + "".join(TAIL.format(name=n) for n in names) +
            "".join(f"[metric:{n}]\n" + lines_of(n) for n in names) +
            "[group:g]\nprograms=p0,p1\n[metric:group]\n" + lines_of("g"))
    s.wait(lambda: len(metrics(s)) == len(names) + 1)
    s.wait(lambda: all(os.path.exists(s.path(f"{n}.in")) for n in names))
    for n in names:
        say(s, n, b"fine\nan ERR\r\nbytes \xff\xfe\n")
    s.wait(lambda: counts(s, "group") == (6, 2))
    s.wait(lambda: counts(s, "p69") == (3, 1))
    shown = metrics(s)
    assert {n: (shown[n]["total"], shown[n]["errors"]) for n in names} == {n: (3, 1) for n in names}


def agent_of(s):
    return s.wait(lambda: next((p for p in s.pids if "supd-agent" in command_of(p)), None))


def known(s, name):
    row = metrics(s).get(name)
    return round(row["known"] * 100) if row else None


SEEN = TAIL.format(name="p") + "[metric:m]\ncell=1s\n" + lines_of("p")
JUDGED = "[alert:a]\ntype=count\nmetric=m\nwindow=1m\nover=1000000\nseverity=info\n"


def test_an_agent_that_stood_still_does_not_know(sup):
    s = sup(HEAD + SEEN + JUDGED)
    s.wait(lambda: known(s, "m") == 100 and "it is evaluated next in" in s.ctl("explain", "a").stdout)
    agent = agent_of(s)
    os.kill(agent, signal.SIGSTOP)
    end = time.monotonic() + 4
    wait(lambda: time.monotonic() > end)
    os.kill(agent, signal.SIGCONT)
    s.wait(lambda: (known(s, "m") or 100) < 100)


def test_a_killed_agent_does_not_know_what_it_missed_and_keeps_the_rest(sup):
    s = sup(HEAD + SEEN)
    s.wait(lambda: os.path.exists(s.path("p.in")) and counts(s, "m"))
    say(s, "p", b"one\nERR\n")
    s.wait(lambda: counts(s, "m") == (2, 1))
    agent = agent_of(s)
    os.kill(agent, signal.SIGKILL)
    s.wait(lambda: agent_of(s) != agent and metrics(s))
    s.wait(lambda: known(s, "m") is not None)
    before = counts(s, "m")
    assert before in ((2, 1), (0, 0)), before  # written down each minute
    say(s, "p", b"two\n")
    s.wait(lambda: counts(s, "m")[0] > before[0])


def has_settled(s):
    """An agent that ends before its store is open has nothing to write its windows to."""
    done = s.ctl("--json", "agent", "ping")
    return done.returncode == 0 and int(json.loads(done.stdout)["uptime_ms"]) > 1500


def test_windows_survive_the_agent(sup):
    s = sup(HEAD + SEEN)
    s.wait(lambda: os.path.exists(s.path("p.in")) and counts(s, "m"))
    s.wait(lambda: has_settled(s))
    say(s, "p", b"one\nERR\n")
    s.wait(lambda: counts(s, "m") == (2, 1))
    with_it = s.read("supd.conf")
    s.write("supd.conf", HEAD.replace("[agent]\nstate_dir=%(here)s/state\n", "") + TAIL.format(name="p"))
    s.ok("update")
    s.wait(lambda: not any("supd-agent" in command_of(p) for p in s.pids))
    end = time.monotonic() + 2
    wait(lambda: time.monotonic() > end)
    s.write("supd.conf", with_it)
    s.ok("update")
    s.wait(lambda: counts(s, "m") == (2, 1), 10, lambda: f"{metrics(s)}; log:\n{s.log_text()}")
    assert known(s, "m") < 100  # two seconds of it
    s.write("supd.conf", with_it.replace("cell=1s", "cell=2s"))
    s.ok("update")
    s.wait(lambda: counts(s, "m") == (0, 0))
    assert known(s, "m") == 100  # begun anew


STATSD = HEAD.replace("[agent]\n", "[agent]\nstatsd_listen=127.0.0.1:8125\nstatsd_socket=%(here)s/san/statsd.sock\n")
COUNTED = """[metric:req]
type=counter
total=req
errors=req.err
tags=env:prod
[metric:one]
type=counter
counter=jobs
[metric:lat]
type=timer
timer=lat
over=300ms
"""
SEND = """
import socket, sys
data = sys.stdin.buffer.read().split(b"\\0")
kind, to = sys.argv[1:]
s = socket.socket(socket.AF_INET if kind == "udp" else socket.AF_UNIX, socket.SOCK_DGRAM)
for one in data:
    s.sendto(one, ("127.0.0.1", 8125) if kind == "udp" else to)
"""


def send(s, *datagrams, kind="udp"):
    done = s.ns.enter(["/usr/bin/python3", "-c", SEND, kind, s.path("san/statsd.sock")], input=b"\0".join(datagrams), text=False)
    assert done.returncode == 0, done.stderr


def test_statsd_good_and_odd(sup):
    s = sup(STATSD + COUNTED)
    s.wait(lambda: os.path.exists(s.path("san/statsd.sock")) and counts(s, "lat") == (0, 0))
    send(s, b"req:10|c|#env:prod\nreq.err:2|c|#env:prod,x\r\nreq:100|c|#env:test\nreq:8|c|@1|#x,env:prod",
         b"jobs:1|c|@0.1\njobs:1:2:3|c\njobs:-5|c\njobs:nan|c\njobs:1e999|c\njobs:inf|c\njobs:0x10|c\njobs:|c\njobs|c\njobs:1",
         b"jobs:1|c|@0\njobs:1|c|@2\njobs:1|c|@-1\njobs:1|c|@nan\njobs:1|q\n:1|c\n\xff\xfe:1|c\n\njobs:1|c|zz\njobs:-3|g\njobs:+3|g",
         b"_e{1,1}:a|b\n_sc|x|0\nset:1|s\njobs:0.5|c\njobs:0.5|c\njobs:1|c|c:abc|T1656581400|e:in")
    send(s, b"lat:100:200:400|ms\nlat:1|c\nlat:500|h|@0.5\nlat:-1|ms\nlat:1e300|d\nlat:nan|ms", kind="unix")
    s.wait(lambda: counts(s, "req") == (18, 2))
    s.wait(lambda: counts(s, "one") == (18, 0))
    s.wait(lambda: counts(s, "lat") == (6, 4))
    row = metrics(s)["lat"]
    assert 390000 < row["p50_us"] < 410000 and row["p95_us"] == row["p99_us"] > 4e9  # 1e300 counts as the longest
    # more than fits, and more than is read: neither is a smaller number, both are not known
    send(s, b"jobs:1|c\n" * 2000)
    s.wait(lambda: known(s, "one") < 100)
    s.wait(lambda: known(s, "lat") < 100)


def test_exits_restarts_and_probes(sup):
    s = sup(HEAD + "[program:bad]\ncommand=/bin/sh -c 'exit 3'\nstartsecs=0\nautorestart=true\n"
            "[program:good]\ncommand=/bin/true\nstartsecs=0\nautorestart=false\nautostart=false\n"
            "[metric:exits]\ntype=exits\nprogram=bad\n[metric:restarts]\ntype=exits\nof=restarts\nprogram=bad\n"
            "[metric:good]\ntype=exits\nprogram=good\n"
            "[probe:gone]\ntype=tcp\naddress=127.0.0.1:1\ninterval=200ms\n[metric:gone]\ntype=probe\nprobe=gone\n")
    s.wait(lambda: counts(s, "exits") and counts(s, "exits")[1] >= 3)
    s.wait(lambda: counts(s, "restarts")[1] >= 3)
    total, errors = counts(s, "exits")
    assert total == errors
    s.wait(lambda: counts(s, "gone")[1] >= 3)
    for n in range(1, 4):
        s.ok("start", "good")
        s.wait(lambda: counts(s, "good") == (n, 0))


def test_text_that_was_skipped_is_not_known(sup):
    """More than the socket and a quarter of the memory take while the agent is stopped."""
    s = sup(HEAD.replace("[supd]\n", "[supd]\nlog_memory=1MB\n") + "[program:p]\ncommand=/bin/sh -c \"until test -e %(here)s/go; do sleep 0.05; done; "
            "yes | head -n 4000000; exec sleep 1000\"\nstdout_logfile=NONE\n[metric:m]\ncell=1s\n" + lines_of("p") + JUDGED)
    s.wait(lambda: known(s, "m") == 100)
    agent = agent_of(s)
    os.kill(agent, signal.SIGSTOP)
    s.write("go", "")
    end = time.monotonic() + 0.8  # so short that it is no standing still
    wait(lambda: time.monotonic() > end)
    os.kill(agent, signal.SIGCONT)
    s.wait(lambda: counts(s, "m")[0] > 0 and known(s, "m") < 100)


def test_last_words_without_a_newline(sup):
    s = sup(HEAD + "[program:p]\ncommand=/bin/sh -c 'echo fine; printf %%s ERR; exit 1'\nstartsecs=0\nautostart=false\n"
            "autorestart=false\n[group:g]\nprograms=p\n[metric:m]\n" + lines_of("g"))
    s.wait(lambda: counts(s, "m") == (0, 0))
    s.ok("start", "g:p")
    s.wait(lambda: counts(s, "m") == (2, 1), what=lambda: metrics(s))
    s.ok("start", "g:p")
    s.wait(lambda: counts(s, "m") == (4, 2), what=lambda: metrics(s))
    agent = agent_of(s)  # hears of the exit and of the words at once, in any order
    os.kill(agent, signal.SIGSTOP)
    s.ok("start", "g:p")
    s.wait_state("g:p", "EXITED")
    os.kill(agent, signal.SIGCONT)
    s.wait(lambda: counts(s, "m") == (6, 3), what=lambda: metrics(s))
