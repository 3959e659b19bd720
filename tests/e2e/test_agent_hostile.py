"""An agent that somebody else took over: it neither harms supd nor what supd says to others, and
commands nothing."""
import os
import re
import signal

from harness.namespace import command_of
from harness.supervised import ROOT

CONF = """[supd]
[agent]
[supervisord]
[program:w]
command=sleep 1000
stdin=null
"""

# answers the first request that is forwarded to it, sends the lines of the file `lines`, notes all
SCRIPT = r'''#!/usr/bin/python3
import re, socket
folder = "%(dir)s"
channel = socket.socket(fileno=3)
channel.setblocking(True)
with open(folder + "/lines", "rb") as f:
    channel.sendall(b"s subscribe\n" + f.read())
out = open(folder + "/agent/got", "ab", buffering=0)
half = b""
while True:
    data = channel.recv(65536)
    if not data:
        break
    out.write(data)
    *lines, half = (half + data).split(b"\n")
    for line in lines:
        ref = re.search(rb"type=request\tref=(\d+)", line)
        if ref:
            start = b"x answer\t" + ref[1]
            channel.sendall(start + b"\t+\tgood=1\tk\\n1\\x20ok\\x20=1\n" + start.replace(b"x", b"y")
                            + b"\tok\tk\\tother=1\tgood=2\n")
'''


SERVER = "[unix_http_server]\nfile=%(here)s/rpc.sock\n"


def start(sup, *lines, more=""):
    s = sup(CONF + more, ready=False, agent=SCRIPT)
    with open(s.path("lines"), "wb") as f:
        f.write(b"".join(line + b"\n" for line in lines))
    s.wait_ready()
    return s


def got(s, pattern):
    return s.wait_file("agent/got", pattern)


def test_names_of_probes_are_bounded(sup):
    long = b"x" * 60000
    s = start(sup, b"a health\tw\t" + long + b"\tFAILED\tno", b"b health\t" + long + b"\tp\tFAILED\tno",
              b"c health\tw\tp\tFAILED\t" + long)
    got(s, "^a error FAILED .*too long")
    got(s, "^b error FAILED .*too long")
    got(s, "^c ok$")
    status = s.status()["w"]
    assert status["health"] == "FAILED" and len(status["health_text"]) < 400


def test_the_worst_probe_of_a_program_is_shown(sup):
    s = start(sup, b"a health\tw\tp1\tOK\tfine", b"b health\tw\tp2\tFAILED\tbroken", b"c health\tw\tp3\tWAITING\t",
              b"d health\tother\tp4\tFAILED\tfar away", *(b"m health\tm%d\tp\tOK" % i for i in range(5000)))
    got(s, "^m error FAILED there are too many probes")
    assert s.status()["w"]["health_text"] == "probe p2: broken"
    s.write("lines", "a health\tw\tp1\tOK\tfine\nb health\tw\tp2\tFAILED\tno\nc health\tw\tp2\tGONE\nd health\tw\tp1\tGONE\n"
            "e health\tw\tp3\tWAITING\tsoon\n")
    os.kill(next(p for p in s.pids if "bin/supd-agent" in command_of(p)), signal.SIGKILL)
    got(s, "^e ok$")
    assert s.status()["w"]["health_text"] == "probe p3: soon"


def test_its_answers_cannot_look_like_answers_to_others(sup):
    s = start(sup)
    got(s, "^s ok")
    with s.wire() as wire:
        records, last = wire.request("agent", "ping")
        assert records == [{"good": 1}] and last == {"good": 2}
        wire.sock.sendall(b"9 mood\n")
        assert wire.line().startswith("9 ")


def test_it_reads_the_logs_of_programs_alone(sup):
    """While it serves Supervisor's clients it may ask for logs: by the exact name of a process."""
    names = [b"/etc/shadow", b"../../etc/shadow", b"*", b"?", b"w:*", b"w:", b":w", b"all", b"main", b"w/../w",
             b"follow=1", b"follow=w", b"follow="]
    s = start(sup, *(b"n%d log\t1\t%s\tstdout" % (i, name) for i, name in enumerate(names)),
              b"c log\t1\tw\t/etc/shadow", b"f log\t1\tw\tstdout\tfollow=-1", b"g log\t2\tw\tstdout", b"p ping",
              more=SERVER)
    got(s, "^p ok")
    for i in range(len(names)):
        got(s, rf"^n{i} error BAD_NAME no such process: ")
    got(s, "^c error BAD_REQUEST usage: log ")
    got(s, "^f error BAD_REQUEST ")
    got(s, "^g ok$")


def verbs():
    """{verb: who may use it}"""
    with open(os.path.join(ROOT, "supervisor", "run", "verbs.def"), encoding="utf-8") as f:
        return dict(re.findall(r"^VERB\((\w+), ([\w |]+),", f.read(), re.M))


def test_it_commands_nothing(sup):
    """What it may ask for is a short list; a restart needs a probe that says so in the configuration."""
    mine = {"answer", "health", "matched", "text", "help", "names", "ping", "status", "subscribe", "version"}
    assert {v for v, who in verbs().items() if who in ("CTL_AGENT", "CTL_ANYONE")} == mine
    others = sorted(set(verbs()) - mine)
    assert len(others) > 15 and {"start", "stop", "signal", "reload", "shutdown", "config"} <= set(others)
    s = start(sup, *(b"n%d %s\tw" % (i, verb.encode()) for i, verb in enumerate(others)),
              b"h health\tw\tp\tFAILED\tno\trestart=1", b"p ping")
    pid = s.wait_state("w", "RUNNING")["pid"]
    got(s, "^p ok")
    for i, verb in enumerate(others):
        got(s, rf"^n{i} error DENIED {verb} is not for supd-agent( unless it serves Supervisor's clients)?$")
    got(s, r"^h error DENIED \[probe:p\] has no on_fail=restart for w$")
    assert s.status()["w"]["pid"] == pid and s.status()["w"]["restarts"] == 0


def test_what_it_may_for_clients_of_supervisor(sup):
    """With a server section it may do what they may, by exact names, and nothing else."""
    who = verbs()
    never = sorted(v for v in who if not re.search("CTL_RPC|CTL_AGENT|CTL_ANYONE", who[v]))
    assert {"agent", "check", "config", "explain", "maintail", "reopen", "tail", "upgrade", "update"} <= set(never)
    s = start(sup, *(b"n%d %s\tw" % (i, verb.encode()) for i, verb in enumerate(never)),
              b"a procinfo\tw", b"b procinfo\tw:w", b"c procinfo\t*", b"d procinfo\tw*", b"e stop\t?", b"f signal\tTERM\tall",
              b"g log\tr\t../../etc/passwd\tstdout", b"h stdin\tw\teA==", b"i stdin\tw\t!", b"j start\tw:*", b"k signal\tHUP\tw\tx",
              b"l start" + b"\t*" * 30000, b"m procinfo" + b"\t*" * 257, b"o procinfo" + b"\tw" * 256,
              b"p ping", more=SERVER)
    pid = s.wait_state("w", "RUNNING")["pid"]
    got(s, "^p ok")
    for i, verb in enumerate(never):
        got(s, rf"^n{i} error DENIED {verb} is not for supd-agent$")
    for ident in "lm":
        got(s, rf"^{ident} error BAD_REQUEST more than 256 names at once$")
    got(s, "^o ok$")
    for ident in "abc":
        got(s, rf"^{ident} \+ name=w\tgroup=w\tstate=\d+")
    for ident in "def":
        got(s, rf"^{ident} \+ name=\S+\tcode=BAD_NAME\ttext=no such process$")
    got(s, "^g error BAD_NAME no such process: ../../etc/passwd$")
    got(s, "^h error NO_FILE its standard input is closed$")
    got(s, "^i error BAD_REQUEST no base64 of at most 4096 bytes$")
    got(s, r"^j \+ name=w\tcode=ALREADY_STARTED")
    got(s, r"^k \+ name=x\tcode=BAD_NAME")
    assert s.wait_state("w", "RUNNING")["restarts"] in (0, 1) and pid
