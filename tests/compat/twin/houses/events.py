"""Event listeners: what they are sent, in which order, and what becomes of their answers."""
import json
import os
import re
import signal

from ..house import HEAD, SERVER, House, plain, program

# writes what it is sent to NAME.events, a line of JSON each; how it answers is told by its other words:
# fail=N the N-th event is refused once, die=N it dies of the N-th before it answers, bad=N it answers
# nonsense, hold=N it waits for the file NAME.go first, quiet: never READY
LISTENER = """#!/usr/bin/python3
import json, os, sys, time
name, how = sys.argv[1], dict(w.split("=") for w in sys.argv[2:])
seen = 0
out = open("/run/w/%s.events" % name, "a")
first = not os.path.exists("/run/w/%s.once" % name)
while how.get("ready", "READY"):
    sys.stdout.write(how.get("ready", "READY").replace("_", " ") + "\\n")
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        break
    head = dict(word.split(":") for word in line.split())
    data = sys.stdin.read(int(head["len"]))
    seen += 1
    out.write(json.dumps([line.rstrip("\\n"), data]) + "\\n")
    out.flush()
    def now(what):
        return first and how.get(what) == str(seen)
    if now("hold"):
        open("/run/w/%s.held" % name, "w").close()
        while not os.path.exists("/run/w/%s.go" % name):
            time.sleep(0.02)
    if now("die"):
        open("/run/w/%s.once" % name, "w").close()
        os._exit(1)
    if now("bad"):
        open("/run/w/%s.once" % name, "w").close()
        sys.stdout.write(how["says"].replace("_", " ").replace("|", "\\n"))
    elif now("fail"):
        open("/run/w/%s.once" % name, "w").close()
        sys.stdout.write("RESULT 4\\nFAIL")
    else:
        sys.stdout.write("RESULT 2\\nOK")
    sys.stdout.flush()
time.sleep(1000)
"""
SPEAKS = """#!/bin/sh
trap 'printf "<!--XSUPERVISOR:BEGIN-->0123456789abcdefghij<!--XSUPERVISOR:END-->"' USR1
trap 'printf "h\\303\\244llo, longer than a mark\\n"' USR2
trap 'printf "h\\303llo, longer than a mark\\n"' HUP
printf 'before<!--XSUPERVISOR:BEGIN-->captured one<!--XSUPERVISOR:END-->after, longer than a mark\\n'
printf 'error text\\n' >&2
while :; do sleep 0.05; done
"""


def listener(name, events, words="", **keys):
    return program(name, f"/run/w/listener.py {name} {words}", "eventlistener", events=events, startsecs=0,
                   stdout_logfile=None, **{"buffer_size": 1000, **keys}).replace("stderr_logfile=NONE\n", "stderr_logfile=/run/w/err\n")


house = House("events", HEAD + SERVER + "".join([
    listener("all", "EVENT"),
    listener("states", "PROCESS_STATE"),
    listener("groups", "PROCESS_GROUP,SUPERVISOR_STATE_CHANGE"),
    listener("logs", "PROCESS_LOG"),
    listener("outlogs", "process_log_stdout"),
    listener("comm", "PROCESS_COMMUNICATION"),
    listener("remote", "REMOTE_COMMUNICATION"),
    listener("ticks", "TICK_5"),
    listener("fails", "REMOTE_COMMUNICATION", "fail=6", priority=11),
    listener("dies", "REMOTE_COMMUNICATION", "die=6", priority=12),
    listener("badresult", "REMOTE_COMMUNICATION", "bad=1 says=RESULT_x|", priority=13),
    listener("chatty", "REMOTE_COMMUNICATION", "ready=HELLO", priority=14),
    listener("talks", "REMOTE_COMMUNICATION", "bad=1 says=RESULT_2|OKREADY|nonsense", priority=15),
    listener("small", "REMOTE_COMMUNICATION", "hold=1", buffer_size=2, priority=16),
    listener("pool", "REMOTE_COMMUNICATION", numprocs=3, process_name="%(program_name)s_%(process_num)d").replace(
        "listener.py pool", "listener.py pool_%(process_num)d"),
    program("quick", "sh -c 'exit 1'", startretries=1, startsecs=5),
    program("ends", "sh -c 'sleep 2.4; exit 3'", autorestart="false"),
    program("onoff", "sleep 1000", autostart="false", startsecs=1),
    program("nofile", "/no/such", startretries=0),
    program("speaks", "/run/w/speaks.sh", stdout_logfile="/run/w/speaks.log", stderr_logfile="/run/w/speaks.err", startsecs=0,
            stdout_events_enabled="true", stderr_events_enabled="true", stdout_capture_maxbytes="1KB"),
]), files={"listener.py": LISTENER, "speaks.sh": SPEAKS})


def received(t, name):
    """[(header as a dict, payload)] so far."""
    found = []
    for line in t.read(f"{name}.events").splitlines():
        head, data = json.loads(line)
        found.append((dict(word.split(":") for word in head.split()), data))
    return found


def told(t, name, pattern="", but=None):
    """[type, payload] with process ids as N."""
    return [[head["eventname"], plain(data)] for head, data in received(t, name)
            if re.search(pattern, data + head["eventname"]) and not (but and re.search(but, data))]


def wait_told(t, name, pattern, count=1):
    t.wait(lambda: len(told(t, name, pattern)) >= count, lambda: f"{count} x {pattern} of {name}: {told(t, name)}")


def remote(t, name, *texts):
    for text in texts:
        t.call("supervisor.sendRemoteCommEvent", name, text)


@house.scenario
def heads(t):
    remote(t, "heads", "x ä€")
    wait_told(t, "remote", "type:heads")
    with open(t.path("remote.events"), encoding="utf-8") as f:
        lines = [json.loads(line)[0] for line in f]
    t.see("form", sorted({re.sub(r"(serial|len):\d+", r"\1:N", line) for line in lines}))
    t.see("length in characters", [h["len"] for h, data in received(t, "remote") if "heads" in data])
    serials = [int(h["poolserial"]) for h, _ in received(t, "all")]
    t.see("pool serials", serials == list(range(len(serials))))
    serials = [int(h["serial"]) for h, _ in received(t, "all")]
    t.see("serials rise", serials == sorted(set(serials)))


@house.scenario
def states_of_processes(t):
    for name in ("quick", "ends"):
        wait_told(t, "states", f"processname:{name} .*(EXITED|FATAL)")
        t.see(name, told(t, "states", f"processname:{name} "))
    t.call("supervisor.startProcess", "onoff")
    t.call("supervisor.stopProcess", "onoff")
    wait_told(t, "states", "processname:onoff .*from_state:STOPPING")
    t.see("onoff", told(t, "states", "processname:onoff "))
    wait_told(t, "states", "processname:nofile .*FATAL")
    t.see("nofile", told(t, "states", "processname:nofile "))
    t.see("listener", told(t, "states", "processname:states "))


@house.scenario
def groups_and_boot(t):
    wait_told(t, "groups", "STATE_CHANGE_RUNNING")
    t.see("boot", [sorted(told(t, "groups", "GROUP_ADDED")), told(t, "groups")[-1] if len(told(t, "groups")) else None])
    wait_told(t, "all", "", 3)
    t.see("first of all", [kind for kind, _ in told(t, "all")][:3])


@house.scenario
def output_as_events(t):
    wait_told(t, "logs", "channel:stderr")
    wait_told(t, "comm", "captured")
    t.see("stderr", told(t, "logs", "channel:stderr"))
    t.see("captured", told(t, "comm"))
    t.see("log", t.wait_file("speaks.log", "beforeafter, .*\n").group(0))
    for sig, wanted in (("USR2", "ä"), ("HUP", "Undecodable")):
        t.call("supervisor.signalProcess", "speaks", sig)
        wait_told(t, "outlogs", wanted)
        t.see(sig, told(t, "outlogs", wanted))
    t.call("supervisor.signalProcess", "speaks", "USR1")
    wait_told(t, "comm", "j$|abcdefghij")
    t.see("last bytes", told(t, "comm")[-1])


@house.scenario
def ticks(t):
    wait_told(t, "ticks", "when:")
    t.see("form", sorted({re.sub(r"\d+[05]$", "N", data) for _, data in told(t, "ticks")}))


@house.scenario
def remote_events(t):
    remote(t, "plain", "text\nwith lines", "")
    wait_told(t, "remote", "type:plain", 2)
    t.see("payloads", told(t, "remote", "type:plain"))


POOL = ("pool_0", "pool_1", "pool_2")
EARLIER = 3  # events of the scenarios beside one another; the listeners fail at one of those that follow


def sequence(t, name):
    return [data.split("\n")[1] for _, data in told(t, name, "type:seq")]


@house.then
def refused_and_lost(t):
    """Each listener in its own way; no event is lost, none comes out of order."""
    for name in ("fails", "dies"):
        wait_told(t, name, "", EARLIER)
    t.wait(lambda: os.path.exists(t.path("small.held")))
    remote(t, "seq", *"abcdef")
    wait_told(t, "remote", "type:seq", 6)
    for name in ("fails", "dies"):
        wait_told(t, name, "type:seq\nf")
        t.see(f"{name} sequence", sequence(t, name))
        if name == "fails":
            t.wait_log("fails: event was rejected")
        t.see(f"{name} refused", t.lines(f"{name}: event was rejected"))
    t.wait(lambda: sum(len(sequence(t, one)) for one in POOL) >= 6)
    t.see("the pool's, by whom is nobody's matter", sorted(text for one in POOL for text in sequence(t, one)))
    t.see("each in order", [sequence(t, one) == sorted(sequence(t, one)) for one in POOL])


@house.then
def violators(t):
    for name in ("badresult", "chatty", "talks"):
        t.wait_log(f"{name}: has entered the UNKNOWN state")
        t.see(name, t.lines(f"{name}: "))


@house.then
def a_full_buffer(t):
    def lost():
        return t.lines("pool small event buffer overflowed")
    at = EARLIER + 6 - 1 - 2  # one is held, two wait
    t.wait(lambda: len(lost()) == at)
    remote(t, "full", *"12345")
    t.wait(lambda: len(lost()) == at + 5)
    t.write("small.go", "")
    wait_told(t, "small", "type:full\n5")
    t.see("kept", told(t, "small", "type:full"))
    t.see("said", [re.sub(r"\d+$", "N", line) for line in lost()])


@house.then
def groups_change(t):
    t.call("supervisor.stopProcess", "ends")
    t.call("supervisor.removeProcessGroup", "ends")
    t.call("supervisor.addProcessGroup", "ends")
    wait_told(t, "groups", "GROUP_ADDEDgroupname:ends|groupname:ends", 3)
    t.see("told", told(t, "groups", "groupname:ends\n"))


@house.then
def at_the_end(t):
    t.send(signal.SIGTERM)
    wait_told(t, "groups", "STOPPING")
    wait_told(t, "states", "processname:speaks .*from_state:STOPPING")
    t.see("state", told(t, "groups", "STOPPING"))
    t.see("programs", told(t, "states", "processname:(speaks|onoff) .*STOP"))
