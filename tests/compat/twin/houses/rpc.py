"""XML-RPC: every method of supervisor.* and system.*, its results and its faults."""
import os
import re
import signal
import threading
import xmlrpc.client

from ..house import HEAD, SERVER, House, program

SAYS = "#!/bin/sh\nprintf 'first line\\nsecond line\\nthird\\n'\nprintf 'error\\n' >&2\nexec cat\n"
TRAP = "#!/bin/sh\nfor s in HUP USR1; do trap \"echo got $s\" $s; done\necho ready\nwhile :; do sleep 0.05; done\n"
# ends when NAME.go is there, whoever asks it to
DEAF = """#!/bin/sh
cd /run/w
trap 'echo x > $SUPERVISOR_PROCESS_NAME.asked' TERM
echo x > $SUPERVISOR_PROCESS_NAME.up
until [ -e $SUPERVISOR_PROCESS_NAME.go ]; do sleep 0.05; done
rm $SUPERVISOR_PROCESS_NAME.go $SUPERVISOR_PROCESS_NAME.up
exit 5
"""
deaf = {"autostart": "false", "autorestart": "false", "startsecs": 0, "stopwaitsecs": 600}
manual = {"autostart": "false", "startsecs": 1}
UNFIT = {"missing": ("/no/such/file", {}), "atonce": ("/no/such/file", {"startsecs": 0}), "afolder": ("/tmp", {"startsecs": 0}),
         "plainfile": ("/run/w/supervisord.conf", {}), "unfound": ("surely-not-there -x", {}), "open": ("sh -c 'x", {}),
         "nofolder": ("/run/w/says.sh/x", {"startsecs": 0})}

house = House("rpc", HEAD + SERVER + "".join([
    program("good", "/run/w/says.sh", stdout_logfile="/run/w/good.log", stderr_logfile="/run/w/good.err", startsecs=0),
    program("clears", "/run/w/says.sh", stdout_logfile="/run/w/clears.log", stderr_logfile="/run/w/clears.err", startsecs=0),
    program("never", "/no/such/file", autostart="false"),
    program("nolog", "sleep 1000", startsecs=0),
    program("nopath", "/run/w/says.sh", stderr_logfile="", startsecs=0),
    program("joined", "/run/w/says.sh", stdout_logfile="/run/w/joined.log", redirect_stderr="true", startsecs=0),
    program("trap", "/run/w/trap.sh", stdout_logfile="/run/w/trap.log", startsecs=0),
    program("rt", "bash -c 'trap \"\" {1..31} {34..64}; echo ready; exec sleep 1000'", stdout_logfile="/run/w/rt.log", startsecs=0, stopsignal="KILL"),
    program("onoff", "sleep 1000", **manual),
    program("nowait", "sleep 1000", **manual),
    *(program(name, command, autostart="false", **keys) for name, (command, keys) in UNFIT.items()),
    program("u1", "/no/such/file", autostart="false"), program("u2", "sleep 1000", **manual),
    "[group:unfit]\nprograms=u1,u2\n",
    program("vanishes", "/run/w/vanishes.sh", startsecs=0),
    program("dies", "sh -c 'exit 3'", autostart="false", startretries=0, startsecs=5),
    program("denied", "/run/w/private", user="nobody", autostart="false", startretries=0),
    program("fast", "sleep 1000", autostart="false", startsecs=0),
    program("slowstop", "/run/w/deaf.sh", **deaf), program("slower", "/run/w/deaf.sh", **deaf),
    program("lasts", "/run/w/deaf.sh", **deaf),
    program("told", "sh -c 'echo text; exit 3'", startsecs=0, autorestart="false", stdout_logfile="/run/w/told.log"),
    program("large", "sh -c 'echo text; exec sleep 1000'", startsecs=0, stdout_logfile="/run/w/large.log"),
    program("over", "sh -c 'exit 3'", startsecs=0, autorestart="false"),
    program("flaps", "sh -c 'exit 0'", autostart="false", startretries=99, startsecs=5),
    program("fatal", "sh -c 'exit 1'", startretries=0, startsecs=5),
    program("wild", "/run/w/wild.sh", stdout_logfile="/run/w/wild.log", startsecs=0),
    program("stdin", "cat", stdout_logfile="/run/w/stdin.log", startsecs=0),
    program("noin", "sh -c 'exec <&-; exec sleep 1000'", startsecs=0),
    program("m1", "sleep 1000", numprocs=2, process_name="m1_%(process_num)d", **manual),
    program("m2", "sleep 1000", priority=3, **manual),
    "[group:team]\nprograms=m1,m2\npriority=7\n",
    program("o1", "sleep 1000", **manual), program("o2", "sleep 1000", **manual), "[group:own]\nprograms=o1,o2\n",
    program("b1", "/no/such/file", **manual), program("b2", "sleep 1000", **manual),
    "[group:half]\nprograms=b1,b2\n",
    program("s1", "/run/w/trap.sh", stdout_logfile="/run/w/s1.log", startsecs=0), program("s2", "sleep 1000", **manual),
    "[group:sig]\nprograms=s1,s2\n",
    "[group:empty]\nprograms=nobody\n[program:nobody]\ncommand=x\nnumprocs=0\n",
]), files={"says.sh": SAYS, "trap.sh": TRAP, "vanishes.sh": "#!/bin/sh\nexec sleep 1000\n", "deaf.sh": DEAF,
           "wild.sh": "#!/bin/sh\nprintf 'a\\303\\244\\342\\202\\254z\\n'\nexec sleep 1000\n"},
    before="install -m 700 /bin/true /run/w/private")
S = "supervisor."
TIMES = ("start", "stop", "now", "pid")


def flat(info):
    """A process's record without what the clock and the kernel decide."""
    if isinstance(info, list):
        return [flat(one) for one in info]
    if not isinstance(info, dict) or "fault" in info:
        return info
    kept = {k: (v > 0 if k in TIMES else v) for k, v in info.items()}
    kept["description"] = re.sub(r"\d+", "N", re.sub(r"[A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M", "WHEN", kept["description"]))
    return [list(info), kept]


def unordered(result):
    """Answers of a group stand in the order in which they come."""
    return sorted(result, key=lambda r: (r.get("group", ""), r.get("name", ""))) if isinstance(result, list) else result


def all_faults(t, key, method, *rest):
    for name in ("nosuch", "own:nosuch", "nosuch:*", "own", "", "own:", ":x", "good:x"):
        t.see(f"{key} {name!r}", unordered(t.call(S + method, name, *rest)))


@house.scenario
def about_itself(t):
    for name in ("supervisor.getState ", " supervisor.getState", "supervisor.getState\n", "system.listMethods "):
        t.see(f"{name!r}", t.call(name))
    for method in ("getAPIVersion", "getVersion", "getSupervisorVersion", "getIdentification", "getState"):
        t.see(method, t.call(S + method))
    t.see("getPID", t.call(S + "getPID") == t.pid)


@house.scenario
def system_methods(t):
    methods = t.call("system.listMethods")
    t.see("listMethods", methods)
    t.see("signatures", {m: t.call("system.methodSignature", m) for m in methods})
    t.see("help", {m: bool(t.call("system.methodHelp", m)) for m in methods})
    for name in ("nosuch", "", "supervisor", "supervisor.nosuch"):
        t.see(f"help {name!r}", t.call("system.methodHelp", name))
        t.see(f"signature {name!r}", t.call("system.methodSignature", name))
        if name:
            t.see(f"call {name!r}", t.call(name))


@house.scenario
def wrong_number_of_arguments(t):
    for method, args in (("getState", [1]), ("getProcessInfo", []), ("startProcess", []), ("tailProcessLog", ["good"]),
                         ("signalProcess", ["good"]), ("getAllProcessInfo", ["x"]), ("stopProcess", ["good", True, 1])):
        t.see(f"{method}{args}", t.call(S + method, *args))


@house.scenario
def multicall(t):
    def multi(*calls):
        return t.call("system.multicall", [{"methodName": m, "params": list(p)} for m, *p in calls])
    t.see("bare values", multi((S + "getState",), (S + "getAPIVersion",), ("system.listMethods",)))
    t.see("faults", multi((S + "getProcessInfo", "nosuch"), ("nosuch",), (S + "getState", 1)))
    t.see("nested", multi(("system.multicall", []), (S + "getAPIVersion",)))
    t.see("none", multi())
    t.see("no name", t.call("system.multicall", [{"params": []}]))
    t.see("no params", t.call("system.multicall", [{"methodName": S + "getAPIVersion"}]))
    t.see("in order, waiting", multi((S + "startProcess", "nowait"), (S + "stopProcess", "nowait"),
                                     (S + "stopProcess", "nowait")))


@house.scenario
def records_of_processes(t):
    t.wait_log("exited: over")
    t.wait_log("gave up: fatal")
    for name in ("good", "over", "fatal", "never", "nolog"):
        if name == "good":
            t.wait_file("good.log", "third")
        t.see(name, flat(t.call(S + "getProcessInfo", name)))


@house.scenario
def faults_of_names(t):
    all_faults(t, "info", "getProcessInfo")
    all_faults(t, "start", "startProcess")
    all_faults(t, "stop", "stopProcess")
    all_faults(t, "signal", "signalProcess", "HUP")
    all_faults(t, "tail", "tailProcessStdoutLog", 0, 10)
    all_faults(t, "read", "readProcessStderrLog", 0, 10)
    all_faults(t, "clear", "clearProcessLogs")
    all_faults(t, "stdin", "sendProcessStdin", "x")
    for method in ("startProcessGroup", "stopProcessGroup", "addProcessGroup", "removeProcessGroup"):
        t.see(method, [t.call(S + method, name) for name in ("nosuch", "", "good:x", "m1")])


@house.scenario
def start_and_stop(t):
    t.see("stop stopped", t.call(S + "stopProcess", "onoff"))
    t.see("start", t.call(S + "startProcess", "onoff"))
    t.see("running", t.state("onoff"))
    t.see("start again", t.call(S + "startProcess", "onoff"))
    t.see("stop", t.call(S + "stopProcess", "onoff"))
    t.see("stopped", flat(t.call(S + "getProcessInfo", "onoff")))
    t.see("start unwaited", t.call(S + "startProcess", "onoff", False))
    t.wait_executed("onoff")
    t.see("stop unwaited", t.call(S + "stopProcess", "onoff", False))
    t.wait_state("onoff", "STOPPED")


@house.scenario
def starts_that_fail(t):
    for name in ("dies", "fast", "denied"):
        t.see(name, t.call(S + "startProcess", name))
    t.wait_state("dies", "FATAL")
    t.see("dies after", flat(t.call(S + "getProcessInfo", "dies")))


@house.scenario
def commands_that_cannot_be_executed(t):
    for name in UNFIT:
        t.see(name, [t.call(S + "startProcess", name, wait) for wait in (True, False)])
        t.see(f"{name} after", flat(t.call(S + "getProcessInfo", name)))
    t.see("ctl", t.ctl("start", *UNFIT))
    t.see("not tried", t.lines("|".join(f"'{name}'|: {name}" for name in UNFIT)))
    t.see("group", unordered(t.call(S + "startProcessGroup", "unfit")))
    t.see("group after", [t.state(f"unfit:{name}") for name in ("u1", "u2")])
    # one that runs is left out of a group, but not told so by its name
    t.wait_executed("vanishes")
    os.rename(t.path("vanishes.sh"), t.path("elsewhere.sh"))
    t.see("runs", t.call(S + "startProcess", "vanishes"))
    t.see("stop", t.call(S + "stopProcess", "vanishes"))
    t.see("has run", t.call(S + "startProcess", "vanishes"))
    t.see("is as it was", flat(t.call(S + "getProcessInfo", "vanishes")))


@house.scenario
def numbers_and_names_of_signals(t):
    t.wait_file("rt.log", "ready")
    for sig in ("34", "64", "RTMIN", "SIGRTMAX", "sigrtmin", "40", "32", "33", "65", "63", "0", "-1", "RTMIN+6", "SIGRTMIN+1", "RTMAX-1",
                "SIG_DFL", "DFL", "SIG_IGN", "SIG_BLOCK", "SIG_UNBLOCK", "SIG_SETMASK", "_BLOCK", "cont", "SigCont", "CLD", "SIGPOLL", "IO",
                "STKFLT", "18.0", "0x12", "0o22", "1_8", "+18", " 18 ", "", " ", "SIG", "18 19", "CONT "):
        t.see(f"{sig!r}", t.call(S + "signalProcess", "rt", sig))
    for sig in (34, 40, 64, 65, 0, -1, 18):
        t.see(f"{sig}", t.call(S + "signalProcess", "rt", sig))
    t.see("group", [t.call(S + "signalProcessGroup", "rt", sig) for sig in ("40", 40, "34", "NOPE")])
    t.see("ctl", [t.ctl("signal", sig, "rt") for sig in ("40", "34", "RTMIN", "NOPE")])


@house.scenario
def while_it_waits_for_another_try(t):
    def waiting():
        info = t.call(S + "getProcessInfo", "flaps")
        return info if info["statename"] == "BACKOFF" else None
    t.see("start", t.call(S + "startProcess", "flaps"))
    t.see("info", flat(t.wait(waiting)))
    t.see("start again", t.call(S + "startProcess", "flaps"))
    t.wait(waiting)
    t.see("stop", t.call(S + "stopProcess", "flaps"))
    t.see("stopped", t.state("flaps"))
    t.see("stop again", t.call(S + "stopProcess", "flaps"))


@house.scenario
def stop_that_takes_long(t):
    t.see("start", t.call(S + "startProcess", "slowstop"))
    t.wait_file("slowstop.up")
    t.see("stop unwaited", t.call(S + "stopProcess", "slowstop", False))
    t.see("stopping", flat(t.call(S + "getProcessInfo", "slowstop")))
    t.see("stop again", t.call(S + "stopProcess", "slowstop"))
    t.write("slowstop.go", "")
    t.wait_state("slowstop", "STOPPED")
    t.see("stopped", flat(t.call(S + "getProcessInfo", "slowstop")))


@house.scenario
def start_while_it_stops(t):
    t.see("start", t.call(S + "startProcess", "slower"))
    t.wait_state("slower", "RUNNING")
    t.wait_file("slower.up")
    t.see("stop", t.call(S + "stopProcess", "slower", False))
    release = threading.Timer(0.5, t.write, ["slower.go", ""])
    if not t.real:
        release.start()  # the answer comes once it has
    t.differs("while it is STOPPING", "start", t.call(S + "startProcess", "slower"),
              {"fault": 40, "text": "ABNORMAL_TERMINATION: slower"}, True)
    if t.real:
        t.write("slower.go", "")
        t.wait_state("slower", "STOPPED")
    else:
        t.wait_file("slower.up")
        t.call(S + "stopProcess", "slower", False)
        t.write("slower.go", "")
        t.wait_state("slower", "STOPPED")


@house.scenario
def logs_of_a_stopped_one(t):
    t.wait_log("exited: told")
    t.wait_file("told.log", "text")
    t.see("clear", t.call(S + "clearProcessLogs", "told"))
    t.differs("of a stopped process does nothing", "then", t.read("told.log"), "text\n", "")


@house.scenario
def more_than_fits(t):
    t.wait_file("large.log", "text")
    answer = None
    if not t.real:  # it would take half a gigabyte, and half a minute
        os.truncate(t.path("large.log"), 40 << 20)
        answer = t.call(S + "readProcessStdoutLog", "large", 0, 0)
    t.differs("of a large log", "read", answer, None, lambda a: a.get("fault") == 30)


@house.scenario
def groups(t):
    t.see("stop stopped", t.call(S + "stopProcessGroup", "team"))
    t.see("start", unordered(t.call(S + "startProcessGroup", "team")))
    t.see("start started", t.call(S + "startProcessGroup", "team"))
    t.see("start by star", t.call(S + "startProcess", "team:*"))
    t.see("stop by star", unordered(t.call(S + "stopProcess", "team:*")))
    t.see("one member", [t.call(S + "startProcess", "team:m1_1"), t.call(S + "stopProcess", "team:m1_1")])
    t.see("unwaited", unordered(t.call(S + "startProcessGroup", "team", False)))
    t.wait_executed("m1_0", "m1_1", "m2")
    t.see("stop", unordered(t.call(S + "stopProcessGroup", "team", False)))
    t.see("half fails", unordered(t.call(S + "startProcessGroup", "half")))
    t.see("empty", [t.call(S + m, "empty") for m in ("startProcessGroup", "stopProcessGroup")])
    t.see("info of a group", t.call(S + "getProcessInfo", "team:*"))


@house.scenario
def signals(t):
    t.wait_file("trap.log", "ready")
    t.wait_file("s1.log", "ready")
    for sig in ("HUP", "SIGUSR1", "usr1", str(int(signal.SIGHUP)), int(signal.SIGUSR1), 0):
        t.see(f"{sig!r}", t.call(S + "signalProcess", "trap", sig))
    for sig in ("NOPE", "", "99", "SIG", "-1"):
        t.see(f"bad {sig!r}", t.call(S + "signalProcess", "trap", sig))
    t.see("not running", t.call(S + "signalProcess", "never", "HUP"))
    t.wait_file("trap.log", "got HUP[^$]*got USR1")
    t.see("group", unordered(t.call(S + "signalProcessGroup", "sig", "HUP")))
    t.see("group by star", unordered(t.call(S + "signalProcess", "sig:*", "USR1")))
    t.see("group, bad", unordered(t.call(S + "signalProcessGroup", "sig", "NOPE")))
    t.wait_file("s1.log", "got HUP[^$]*got USR1")


@house.scenario
def standard_input(t):
    t.wait_log("success: stdin|spawned: 'stdin'")
    t.see("sent", t.call(S + "sendProcessStdin", "stdin", "hello ä€\n"))
    t.wait_file("stdin.log", "hello ä€\n")
    t.see("empty", t.call(S + "sendProcessStdin", "stdin", ""))
    fault = t.call(S + "sendProcessStdin", "stdin", 1)
    t.see("number", fault["fault"])
    t.differs("a wrong type", "text", fault["text"], "INCORRECT_PARAMETERS: 1", "INCORRECT_PARAMETERS: chars is no string")
    t.see("not running", t.call(S + "sendProcessStdin", "missing", "x"))
    t.see("control", t.call(S + "sendProcessStdin", "stdin", "tab\tend\n"))
    t.wait_file("stdin.log", "tab\tend\n")


OFFSETS = [(0, 0), (0, 5), (6, 4), (-6, 0), (-100, 0), (-6, 3), (0, -1), (100, 5), (100, 0), (29, 1), (28, 10)]


@house.scenario
def reading_logs(t):
    t.wait_file("good.log", "third")
    t.wait_file("good.err", "error")
    for at in OFFSETS:
        for method in ("readProcessStdoutLog", "readProcessLog", "readProcessStderrLog"):
            t.see(f"{method} {at}", t.call(S + method, "good", *at))
    for at in [(0, 0), (0, 5), (6, 4), (100, 5), (28, 10), (10, 100), (5, 29)]:
        for method in ("tailProcessStdoutLog", "tailProcessLog", "tailProcessStderrLog"):
            t.see(f"{method} {at}", t.call(S + method, "good", *at))
    for method in ("readProcessStdoutLog", "tailProcessStderrLog"):
        t.see(f"{method} of none", t.call(S + method, "nolog", 0, 10))
    for at in OFFSETS:
        for method in ("readProcessStderrLog", "tailProcessStderrLog"):
            t.see(f"{method} {at} without a path", t.call(S + method, "nopath", *at))
    t.see("stderr that goes to stdout", t.call(S + "readProcessStderrLog", "joined", 0, 10))
    t.wait_file("wild.log", "z\n")
    t.see("characters", t.call(S + "readProcessStdoutLog", "wild", 0, 0))


@house.scenario
def half_a_character(t):
    t.wait_file("wild.log", "z\n")
    t.differs("a log that is no UTF-8", "read", t.call(S + "readProcessStdoutLog", "wild", 2, 3), {"http": 500},
              lambda text: set(text) == {"\ufffd"})


@house.scenario
def wrong_types(t):
    for method, args in (("startProcess", [1]), ("getProcessInfo", [[]]), ("readLog", ["a", 1])):
        answer = t.call(S + method, *args)
        t.differs("a wrong type", method, answer, {"http": 500}, lambda a: a.get("fault") == 2)


@house.scenario
def clearing_logs(t):
    t.wait_file("clears.log", "third")
    t.wait_file("clears.err", "error")
    t.see("clear", t.call(S + "clearProcessLogs", "clears"))
    t.see("empty", [t.read("clears.log"), t.read("clears.err")])
    t.call(S + "sendProcessStdin", "clears", "new\n")
    t.wait_file("clears.log", "new")
    t.see("goes on", t.read("clears.log"))
    t.see("alias", t.call(S + "clearProcessLog", "clears"))
    t.see("stopped", t.call(S + "clearProcessLogs", "missing"))
    t.see("no log", t.call(S + "clearProcessLogs", "nolog"))
    t.see("group", t.call(S + "clearProcessLogs", "team:*"))


@house.scenario
def configuration(t):
    found = t.call(S + "getAllConfigInfo")
    t.see("records", [[list(one), one] for one in found])


@house.then
def all_processes(t):
    found = t.call(S + "getAllProcessInfo")
    t.see("order", [f"{one['group']}:{one['name']}" for one in found])
    t.see("members", sorted({tuple(one) for one in found}))


@house.then
def everything_at_once(t):
    def of(method, *args):
        return unordered(t.call(S + method, *args))
    t.wait(lambda: not [one["name"] for one in t.call(S + "getAllProcessInfo")
                        if one["statename"] in ("STARTING", "STOPPING", "BACKOFF")])
    t.see("signal", of("signalAllProcesses", "CONT"))
    t.see("clear", of("clearAllProcessLogs"))
    t.see("stop", of("stopAllProcesses"))
    t.see("stop again", of("stopAllProcesses"))
    at_once = ("told", "over")  # ended by the time of the answer, or not
    t.see("start", [one for one in of("startAllProcesses") if one["name"] not in at_once])


@house.then
def the_main_log_beside_answers(t):
    t.see("stop", t.call(S + "stopProcess", "fast"))
    before = len(t.lines("spawned: 'fast'"))
    t.see("start", t.call(S + "startProcess", "fast"))
    t.differs("before a client has its answer", "line", len(t.lines("spawned: 'fast'")) - before, 1, lambda n: n in (0, 1))
    t.wait_log("spawned: 'fast'", before + 1)


@house.then
def main_log(t):
    text = t.call(S + "readLog", 0, 0)
    t.see("whole", text == t.read("main.log")[:len(text)])
    t.see("some", t.call(S + "readMainLog", 30, 50) == t.read("main.log")[30:80])
    t.see("bad", t.call(S + "readLog", -5, 1))
    t.see("clear", t.call(S + "clearLog"))
    t.see("size", len(t.read("main.log")) < len(text))
    t.see("says", t.wait(t.lines)[:1])


@house.then
def shutting_down(t):
    """One program holds it up, so that there is somebody to ask."""
    for name in ("slower", "slowstop"):
        t.write(f"{name}.go", "")
        t.wait_state(name, "EXITED")
    t.wait_file("lasts.up")
    t.see("begins", t.call(S + "shutdown"))
    for method, *args in (("getState",), ("getAllProcessInfo",), ("getProcessInfo", "lasts"), ("shutdown",), ("restart",),
                          ("startProcess", "nolog"), ("stopAllProcesses",), ("reloadConfig",), ("readLog", 0, 10),
                          ("getAPIVersion",), ("sendRemoteCommEvent", "a", "b")):
        t.see(method, t.call(S + method, *args))
    t.see("system", t.call("system.methodSignature", S + "getPID"))
    t.see("multicall", t.call("system.multicall", [{"methodName": S + "getState", "params": []}]))
    for words in (["status"], ["shutdown"], ["stop", "all"], ["version"], ["reread"]):
        t.see(f"supervisorctl {' '.join(words)}", t.ctl(*words))
    t.wait_file("lasts.asked")
    t.write("lasts.go", "")
    t.wait(lambda: t.status is not None)
    t.see("status", t.status)
    t.see("files", [os.path.exists(t.path(name)) for name in ("pid", "sock")])
    t.see("said", t.lines("lasts")[-1:])
