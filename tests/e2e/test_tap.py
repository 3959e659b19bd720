"""The text of programs for supd-agent: every byte or its loss, whoever is killed, slow or changed."""
import os
import signal
import subprocess

from harness.namespace import command_of
from harness.supervised import tool
from harness.textagent import SCRIPT, TORN, TextAgent

CONF = """[supd]
[agent]
[supervisord]
childlogdir=%(here)s
"""


def start(sup, conf, *asks):
    s = sup(CONF + conf, ready=False, agent=SCRIPT)
    s.write("asks", "".join(line + "\n" for line in asks))
    s.wait_ready()
    return s, TextAgent(s)


def pattern(seed, size):
    done = subprocess.run([tool("pattern"), "write", str(seed), str(size), "0", "65536"],
                          stdout=subprocess.PIPE, check=True, timeout=60)
    return done.stdout


def supd_log(s):
    found = [p for p in s.pids if "supd-log" in command_of(p)]
    return found[0] if found else None


def writer(name, seed, size, rate, go="go"):
    return f"""[program:{name}]
command=/bin/sh -c "until test -e %(here)s/{go}; do sleep 0.05; done; {tool('pattern')} write {seed} {size} {rate} 4096; exec sleep 1000"
stdout_logfile=%(here)s/{name}.log
stdout_logfile_maxbytes=0
"""


def check(stream, expected):
    """Every byte that came is the right one at its place; the loss is what is missing."""
    for at, data, _, _, _ in stream.pieces:
        assert expected[at:at + len(data)] == data, f"wrong bytes at {at}"
    assert stream.end == len(expected)


def test_every_byte_reaches_an_agent_that_keeps_up(sup):
    size = 3 << 19
    s, agent = start(sup, writer("w", 5, size, 1), "text w stdout")
    s.wait(lambda: agent.channel(r"q0 ok"))
    assert agent.channel(r"q0 \+ name=w\tstdout=OK$")
    s.write("go", "")
    s.wait(lambda: agent.stream("w") and agent.stream("w").end == size, 60)
    stream = agent.stream("w")
    check(stream, pattern(5, size))
    assert stream.skipped == 0 and stream.program == "w"
    assert {p[3] for p in stream.pieces} == {s.status()["w"]["pid"]}
    s.wait(lambda: os.path.getsize(s.path("w.log")) == size)


def test_an_agent_that_stands_still_for_a_moment_loses_nothing(sup):
    """More than its socket holds waits in supd-log's memory, also when supd-log is killed meanwhile."""
    size = 3 << 20
    s, agent = start(sup, writer("w", 9, size, 8), "text w")
    s.wait(lambda: agent.channel(r"q0 ok"))
    agent.halt(True)
    s.write("go", "")
    s.wait(lambda: os.path.exists(s.path("w.log")) and os.path.getsize(s.path("w.log")) == size, 30)
    old = supd_log(s)
    os.kill(old, signal.SIGKILL)
    s.wait(lambda: supd_log(s) not in (None, old))
    agent.halt(False)
    s.wait(lambda: agent.stream("w") and agent.stream("w").end == size, 30)
    stream = agent.stream("w")
    check(stream, pattern(9, size))
    assert stream.skipped == 0 and len(stream.text) == size
    s.wait(lambda: os.path.getsize(s.path("w.log")) == size)


def test_a_slow_agent_loses_text_and_learns_how_much(sup):
    size = 12 << 20
    s, agent = start(sup, writer("w", 6, size, 16), "text w")
    s.wait(lambda: agent.channel(r"q0 ok"))
    agent.halt(True)
    s.write("go", "")
    s.wait(lambda: os.path.getsize(s.path("w.log")) == size if os.path.exists(s.path("w.log")) else 0, 30)
    agent.halt(False)  # the program is silent by now: the loss is told all the same
    s.wait(lambda: agent.stream("w") and agent.stream("w").end == size, 40)
    stream = agent.stream("w")
    check(stream, pattern(6, size))
    # the socket's, and what waits in a quarter of the memory at most
    assert 64 << 10 < len(stream.text) < 5600 << 10, len(stream.text)
    assert stream.skipped == size - len(stream.text)


def test_a_torn_line_is_marked(sup):
    s, agent = start(sup, """[program:w]
command=/bin/sh -c "until test -e %(here)s/go; do sleep 0.05; done; yes 0123456789abcde | head -c 12000000; \
until test -e %(here)s/more; do sleep 0.05; done; echo last; exec sleep 1000"
""", "text w")
    s.wait(lambda: agent.channel(r"q0 ok"))
    agent.halt(True)
    s.write("go", "")
    name = s.wait(lambda: next((f for f in os.listdir(s.dir) if f.startswith("w-stdout---")), None))
    s.wait(lambda: os.path.getsize(s.path(name)) == 12000000)
    agent.halt(False)
    s.wait(lambda: agent.stream("w") and agent.stream("w").end == 12000000)
    s.write("more", "")
    s.wait(lambda: agent.stream("w").end == 12000005)
    stream, end = agent.stream("w"), 0
    assert stream.skipped > 0
    for at, data, _, _, flags in stream.pieces:
        if at != end:
            # the byte before the text was lost: was it the end of a line?
            assert bool(flags & TORN) == (at % 16 != 0 and at <= 12000000), (at, flags)
        end = at + len(data)


def test_supd_log_killed_under_load_loses_and_doubles_nothing(sup):
    size = 8 << 20
    s, agent = start(sup, writer("w", 7, size, 1), "text w")
    s.wait(lambda: agent.channel(r"q0 ok"))
    s.write("go", "")
    for _ in range(6):
        before = agent.stream("w").end if agent.stream("w") else 0
        s.wait(lambda b=before: agent.stream("w") and agent.stream("w").end > b, 20)
        assert agent.stream("w").end < size
        old = s.wait(lambda: supd_log(s))
        os.kill(old, signal.SIGKILL)
        s.wait(lambda o=old: supd_log(s) not in (None, o))
    s.wait(lambda: agent.stream("w").end == size, 60)
    stream = agent.stream("w")
    check(stream, pattern(7, size))
    assert len([x for x in agent.streams().values() if x.process == ("w", 0)]) == 1  # still one tap
    s.wait(lambda: os.path.getsize(s.path("w.log")) == size)
    # what the pipe gathered while supd-log was away may come at once, more than the socket holds
    assert stream.skipped < size // 2


def test_runs_are_told_apart_and_all_processes_of_a_program(sup):
    s, agent = start(sup, """[program:w]
command=/bin/sh -c "echo $$ %(process_num)s; test -e %(here)s/stay && exec sleep 1000; exit 3"
numprocs=2
process_name=%(program_name)s_%(process_num)s
startsecs=0
autostart=false
autorestart=true
backoff=10ms
[program:other]
command=/bin/sh -c "while :; do echo secret; sleep 0.05; done"
""", "text w", "text nothing", "text w bogus")
    s.wait(lambda: agent.channel(r"q2 error BAD_REQUEST"))
    agent.ask("subscribe text=1")
    s.wait(lambda: agent.channel(r"q3 error DENIED"))
    assert agent.channel(r"q1 error BAD_NAME")
    s.ctl("start", "w:*")
    s.wait(lambda: all(agent.stream(f"w_{i}") and len(agent.stream(f"w_{i}").text.split(b"\n")) > 10
                       for i in (0, 1)), 20)
    s.write("stay", "")
    for i in (0, 1):
        stream = agent.stream(f"w_{i}")
        runs = {}
        for _, data, run, pid, _ in stream.pieces:
            runs.setdefault(run, [set(), b""])
            runs[run][0].add(pid)
            runs[run][1] += data
        for run, (pids, text) in runs.items():
            said = int(text.split()[0])
            assert text == f"{said} {i}\n".encode() and pids <= {said, 0}, (run, pids, text)
        assert any(pids != {0} for pids, _ in runs.values())
        assert list(runs) == sorted(runs)
    assert {x.program for x in agent.streams().values()} == {"w"}


def test_more_runs_than_are_told_apart(sup):
    """While supd-log reads nothing, more runs write than are remembered: none gets another's text."""
    s, agent = start(sup, """[program:w]
command=/bin/sh -c "echo $$; test -e %(here)s/stay && exec sleep 1000; exit 3"
startsecs=0
autostart=false
autorestart=true
""", "text w")
    s.wait(lambda: agent.channel(r"q0 "))
    stopped = s.wait(lambda: supd_log(s))
    os.kill(stopped, signal.SIGSTOP)
    s.ctl("start", "w")
    s.wait(lambda: s.status()["w"]["starts"] > 50, 30)
    s.write("stay", "")
    last = str(s.wait_state("w", "RUNNING")["pid"]).encode() + b"\n"
    s.wait(lambda: s.status()["w"]["pid"] == int(last) and "sleep" in command_of(s.ns.outer(int(last))))
    os.kill(stopped, signal.SIGCONT)
    s.wait(lambda: agent.stream("w") and agent.stream("w").text.endswith(last), 20)
    runs = {}
    for _, data, run, pid, _ in agent.stream("w").pieces:
        runs.setdefault(run, [set(), b""])
        runs[run][0].add(pid)
        runs[run][1] += data
    forgotten = runs.pop(0)
    assert forgotten[0] == {0} and len(forgotten[1].split()) > 10
    assert len(runs) >= 30
    for pids, text in runs.values():
        assert text.count(b"\n") == 1 and pids == {int(text)}, (pids, text)


def test_a_new_agent_starts_with_nothing(sup):
    s, agent = start(sup, """[program:w]
command=/bin/sh -c "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done"
""", "text w")
    s.wait(lambda: agent.stream("w") and agent.stream("w").text)
    first, keys = agent.pid(), set(agent.streams())
    os.truncate(s.path("asks"), 0)
    s.kill(first)
    s.wait(lambda: agent.pid() != first)
    later = s.wait(lambda: agent.channel(r"seq=") and agent.lines().index(f"start {agent.pid()}"))
    s.ok("restart", "w")
    assert not [x for x in agent.lines()[later:] if x.startswith("text")]
    agent.ask("text w stdout")
    s.wait(lambda: set(agent.streams()) - keys)
    s.wait(lambda: agent.stream("w").text.count(b"\n") > 3)
    agent.ask("text w off=1")
    s.wait(lambda: agent.channel(r"q1 ok"))
    s.ok("restart", "w")  # supd-log has obeyed by now, and what it had sent before is read with the next answer
    agent.ask("text w off=1")
    s.wait(lambda: agent.channel(r"q2 ok"))
    quiet = len(agent.lines())
    s.ok("restart", "w")
    assert not [x for x in agent.lines()[quiet:] if x.startswith("text")]


def test_a_reload_takes_the_tap_along(sup):
    loop = 'command=/bin/sh -c "while :; do echo {}; sleep 0.02; done"\n'
    s, agent = start(sup, "[program:w]\n" + loop.format("one"), "text w")
    s.wait(lambda: agent.stream("w") and b"one" in agent.stream("w").text)
    s.write("supd.conf", CONF + "[program:w]\n" + loop.format("two"))
    s.ok("update")
    s.wait(lambda: b"two" in agent.stream("w").text)
    s.write("supd.conf", CONF + "[program:x]\n" + loop.format("three"))
    s.ok("update")
    s.write("supd.conf", CONF + "[program:w]\n" + loop.format("four") + "redirect_stderr=true\n")
    s.ok("update")
    s.wait(lambda: b"four" in agent.stream("w").text)
    assert not [x for x in agent.streams().values() if b"three" in x.text]
