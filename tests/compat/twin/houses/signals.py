"""What supervisord does at signals: reopen, restart, end; and its own log at debug."""
import os
import re
import signal

from ..house import HEAD, SERVER, House, program
from .events import LISTENER, listener, received, told, wait_told

SAYS = "#!/bin/sh\ntrap 'echo said $1 $2' USR1\necho up $1\nwhile :; do sleep 0.05; done\n"


def conf(*programs, level="info"):
    return HEAD + f"loglevel={level}\n" + "".join(programs)


def says(name, more="", **keys):
    return program(name, f"/run/w/says.sh {name} {more}", stdout_logfile=f"/run/w/{name}.log", startsecs=0, **keys)


reopen = House("reopen", conf(says("a"), says("b", stdout_logfile_backups=0)), files={"says.sh": SAYS})


@reopen.then
def usr2_opens_the_logs_anew(t):
    for name in "ab":
        t.wait_file(f"{name}.log", f"up {name}")
    pids = {name: t.pid_of(name) for name in "ab"}
    for name in ("a.log", "main.log"):
        os.rename(t.path(name), t.path(name + ".old"))
    os.unlink(t.path("b.log"))
    t.send(signal.SIGUSR2)
    t.wait(lambda: all(os.path.exists(t.path(f"{name}.log")) for name in "ab"))
    t.wait(lambda: os.path.exists(t.path("main.log")))
    t.wait(lambda: "supervisord logreopen" in t.read("main.log.old") + t.read("main.log"))
    for name, pid in pids.items():
        os.kill(pid, signal.SIGUSR1)
        t.wait_file(f"{name}.log", f"said {name}")
    t.see("new", [t.read("a.log"), t.read("b.log")])
    t.see("old", t.read("a.log.old"))
    main = t.read("main.log.old") + t.read("main.log")
    t.see("said", re.findall("received SIGUSR2.*|supervisord logreopen", main))
    t.differs("lines about USR2", "the new one", t.read("main.log") == "", True, lambda empty: empty in (True, False))


@reopen.then
def quit_ends_it(t):
    t.send(signal.SIGQUIT)
    t.wait(lambda: t.status is not None)
    t.see("status", t.status)
    t.see("said", t.lines("received SIGQUIT"))


restart = House("restart", conf(says("stays", "1"), says("goes", "1"), says("changes", "1"), level="debug"),
                files={"says.sh": SAYS})


@restart.then
def debug_copies_the_output(t):
    t.wait_file("stays.log", "up stays")
    t.wait_file("main.log", "'stays' stdout output:")
    t.see("output", t.lines("'stays' stdout output"))


@restart.then
def hup_restarts_everything(t):
    for name in ("stays", "goes", "changes"):
        t.wait_file(f"{name}.log", "up")
    before = t.pid
    t.write("supervisord.conf", conf(says("stays", "1"), says("changes", "2"), says("comes", "1")))
    t.send(signal.SIGHUP)
    t.wait_file("comes.log", "up comes")
    t.wait_file("stays.log", "up stays\n(.*\n)*up stays")
    t.wait_log("spawned: 'stays'", 2)
    t.see("pid stays", before == t.pid)
    t.see("said", t.lines("received SIGHUP"))
    for name in ("stays", "goes", "changes", "comes"):
        lines = [x for x in t.life(name) if x.split(" ")[1].rstrip(":") in ("spawned", "stopped", "exited")]
        t.see(name, lines)
    t.see("started", t.lines("supervisord started with pid"))


@restart.then
def what_hup_read_is_used(t):
    t.wait_file("changes.log", "up changes\n(.*\n)*up changes")
    os.kill(t.pid_of("changes"), signal.SIGUSR1)
    t.wait_file("changes.log", "said changes 2")
    t.see("log", t.read("changes.log"))


@restart.then
def a_bad_file_at_hup(t):
    t.write("supervisord.conf", conf(says("stays", "1")).replace("startsecs=0", "startsecs=soon"))
    t.send(signal.SIGHUP)
    t.wait(lambda: t.status is not None or t.lines("startsecs|soon"))
    if t.real:
        t.wait(lambda: t.status is not None)
    t.differs("an error in the file at HUP", "ends", t.status, 2, None)


@restart.then
def int_ends_it(t):
    if t.status is None:
        t.send(signal.SIGINT)
        t.wait(lambda: t.status is not None)


# each ends a while after TERM
SLOW = "#!/bin/sh\ntrap 'sleep 0.5; exit 0' TERM\necho up >> /run/w/$1.up\nwhile :; do sleep 0.05; done\n"

anew = House("anew", HEAD + SERVER + "".join([
    listener("l", "PROCESS_GROUP,SUPERVISOR_STATE_CHANGE,PROCESS_STATE,REMOTE_COMMUNICATION"),
    program("first", "/run/w/slow.sh first", startsecs=0, priority=1),
    program("second", "/run/w/slow.sh second", startsecs=0, priority=2),
    program("byhand", "sleep 1000", startsecs=0, autostart="false"),
    program("never", "sh -c 'exit 1'", startsecs=5, startretries=0),
    program("fails", "sh -c 'exit 1'", startsecs=5, startretries=100),
    program("gone", "sleep 1000", autostart="false"),
]), files={"listener.py": LISTENER, "slow.sh": SLOW})


@anew.then
def events_that_are_no_text(t):
    for n, value in enumerate((7, True, 1.5, 3.0, -2.5e-7, 1e16, 123456789.125, 0.1, "x")):
        t.see(f"type {value!r}", t.call("supervisor.sendRemoteCommEvent", value, f"kind {n}"))
        t.see(f"data {value!r}", t.call("supervisor.sendRemoteCommEvent", f"text {n}", value))
    t.differs("lists and structs", "list", t.call("supervisor.sendRemoteCommEvent", "list", ["a"]), True,
              lambda a: a["fault"] == 2)
    wait_told(t, "l", "type:text 8")
    t.see("told", told(t, "l", "REMOTE", but="type:list"))


@anew.then
def who_takes_its_time_to_stop_is_named(t):
    for name in ("first", "second"):
        t.wait_file(f"{name}.up")
    wait_told(t, "l", "never.*PROCESS_STATE_FATAL")
    t.see("stopped", t.call("supervisor.stopProcess", "second"))
    t.see("said", t.lines("waiting for second to stop"))
    t.see("by hand", t.call("supervisor.startProcess", "byhand"))
    wait_told(t, "l", "byhand.*STATE_RUNNING")


@anew.then
def all_is_down_before_anything_starts(t):
    t.wait_all_executed()
    before = len(t.lines())
    conf = t.read("supervisord.conf")
    t.write("supervisord.conf", conf.replace("[program:gone]", "[program:comes]") +
            program("third", "sleep 1000", startsecs=0, priority=3))
    t.send(signal.SIGHUP)
    t.wait_log("supervisord started with pid", 2)
    t.wait_log("success: second", 2)
    t.wait_log("success: third")
    t.wait_log("gave up: never", 2)
    new = t.lines()[before:]
    t.see("order", [line for line in new if re.search(r"(stopped: |spawned: '|waiting.*die)", line) and "fails" not in line])
    t.see("said", [line for line in new if re.match("CRIT|INFO RPC|WARN received|INFO supervisord started", line)])
    t.see("byhand", [t.call("supervisor.getProcessInfo", "byhand")[key] for key in ("statename", "description", "stop", "exitstatus")])


@anew.then
def listeners_begin_anew_too(t):
    wait_told(t, "l", "SUPERVISOR_STATE_CHANGE_RUNNING", 2)
    wait_told(t, "l", "never.*PROCESS_STATE_FATAL", 2)
    t.see("stopping", told(t, "l", "STATE_CHANGE_STOPPING"))
    start = [at for at, (head, _) in enumerate(received(t, "l")) if head["poolserial"] == "0"]
    t.see("starts", len(start))
    again = [[head["eventname"], head["poolserial"], data] for head, data in received(t, "l")[start[-1]:]]
    again = [words for words in again if "comes" not in words[2]]
    t.see("first", [[event, data] for event, _, data in again][:7])
    t.see("order", [event + " " + data[:20] for event, _, data in again
                    if re.match("PROCESS_GROUP|SUPERVISOR", event)])
    t.see("removed", told(t, "l", "GROUP_REMOVED"))
    t.see("added", told(t, "l", "groupname:(gone|comes)"))
    for name, count in (("never", 3), ("fails", 1)):
        t.see(name, [[event, data] for event, _, data in again if f":{name} " in data][:count])


@anew.then
def term_on_the_way(t):
    for name in ("first", "second"):
        t.wait_file(f"{name}.up", "up\n(up\n)*up")
    t.send(signal.SIGHUP)
    t.wait_log("waiting for .*second.* to die")
    t.send(signal.SIGTERM)
    t.wait(lambda: t.status is not None)
    t.see("status", t.status)
    t.see("started", len(t.lines("supervisord started with pid")))


ends = House("ends", conf(program("p", "sleep 1000", startsecs=0)))


@ends.then
def int_is_like_term(t):
    t.wait_log("spawned: 'p'")
    t.wait_executed("p")
    t.send(signal.SIGINT)
    t.wait(lambda: t.status is not None)
    t.see("status", t.status)
    t.see("lines", t.lines("'p'|received|: p|waiting"))
    more = [words for words in ("SIGINT comes from", "stopping the programs of", "supd ends") if words in t.read("main.log")]
    t.differs("main log says nothing of", "more lines", len(more), 0, 3)
