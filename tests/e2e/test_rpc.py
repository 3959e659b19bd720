"""Supervisor's methods over XML-RPC: results, struct members, faults. What is expected here is what
Supervisor 4.2.5 answers, unless a test says otherwise."""
import os
import re
import time
import xmlrpc.client

import pytest

from harness.rpc import Rpc, fault, post

CONF = """[supd]
[supervisord]
childlogdir=%(here)s
logfile=%(here)s/main.log
identifier=me
[unix_http_server]
file=%(here)s/rpc.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
PROGRAMS = """
[program:a]
command=/bin/sh -c 'echo hello; echo oops >&2; exec sleep 1000'
startsecs=0
stdout_logfile=%(here)s/a.out
[program:off]
command=/bin/sleep 1000
autostart=false
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[program:w]
command=/bin/sleep 1000
process_name=%(program_name)s_%(process_num)02d
numprocs=3
startsecs=0
redirect_stderr=true
[program:gone]
command=/no/such/command
autostart=false
startretries=0
[program:quick]
command=/bin/false
autostart=false
startretries=0
"""


@pytest.fixture
def s(sup):
    one = sup(CONF + PROGRAMS)
    for name in ("a", "w:w_02"):
        one.wait_state(name, "RUNNING")
    one.wait(lambda: os.path.exists(one.path("rpc.sock")))
    one.rpc = Rpc(one.path("rpc.sock"))
    yield one
    one.rpc("close")()


def members(infos):
    return {f"{i['group']}:{i['name']}": i["status"] for i in infos}


def test_about_itself(s):
    v = s.rpc.supervisor
    assert v.getAPIVersion() == v.getVersion() == "3.0"
    assert re.fullmatch(r"4\.\d+\.\d+", v.getSupervisorVersion())
    assert v.getIdentification() == "me"
    assert v.getState() == {"statecode": 1, "statename": "RUNNING"}
    assert v.getPID() == 1
    names = s.rpc.system.listMethods()
    assert names == sorted(names) and len([n for n in names if n.startswith("supervisor.")]) == 37
    assert [n for n in names if n.startswith("system.")] == [
        "system.listMethods", "system.methodHelp", "system.methodSignature", "system.multicall"]
    assert s.rpc.system.methodSignature("supervisor.startProcess") == ["boolean", "string", "boolean"]
    assert s.rpc.system.methodSignature("supervisor.tailProcessLog") == ["array", "string", "int", "int"]
    for name in names:
        help_, (returns, *params) = s.rpc.system.methodHelp(name), s.rpc.system.methodSignature(name)
        assert re.findall(r"@(param|return) (\w+)", help_) == [("param", p) for p in params] + [("return", returns)]
    assert fault(s.rpc.system.methodHelp, "x.y") == (4, "SIGNATURE_UNSUPPORTED")
    assert fault(s.rpc.system.methodSignature, "startProcess") == (4, "SIGNATURE_UNSUPPORTED")


def test_info(s):
    now = int(time.time())
    infos = s.rpc.supervisor.getAllProcessInfo()
    assert [(i["group"], i["name"]) for i in infos] == [
        ("a", "a"), ("gone", "gone"), ("off", "off"), ("quick", "quick"), ("w", "w_00"), ("w", "w_01"), ("w", "w_02")]
    a = infos[0]
    assert list(a) == ["name", "group", "start", "stop", "now", "state", "statename", "spawnerr", "exitstatus",
                       "logfile", "stdout_logfile", "stderr_logfile", "pid", "description"]
    assert (a["state"], a["statename"], a["spawnerr"], a["exitstatus"], a["stop"]) == (20, "RUNNING", "", 0, 0)
    assert a["logfile"] == a["stdout_logfile"] == s.path("a.out")
    assert re.fullmatch(re.escape(s.dir) + r"/a-stderr---me-\w{8}\.log", a["stderr_logfile"])
    assert a["pid"] == s.status()["a"]["pid"] and now - 60 < a["start"] <= a["now"]
    assert re.fullmatch(rf"pid {a['pid']}, uptime 0:00:\d\d", a["description"])
    off = infos[2]
    assert (off["state"], off["description"], off["pid"], off["start"], off["stop"]) == (0, "Not started", 0, 0, 0)
    assert (off["logfile"], off["stdout_logfile"], off["stderr_logfile"]) == ("", "", "")
    assert infos[4]["stderr_logfile"] == "" and infos[4]["stdout_logfile"]
    one = s.rpc.supervisor.getProcessInfo("w:w_01")
    assert {**one, "now": 0, "description": ""} == {**infos[5], "now": 0, "description": ""}
    for name in ("nope", "w", "w:*", "w:", "w:w_09", "a:b", "*", "a*", "all", "", "a:a:a", "é"):
        assert fault(s.rpc.supervisor.getProcessInfo, name) == (10, f"BAD_NAME: {name}"), name


def test_start_and_stop(s):
    v = s.rpc.supervisor
    assert fault(v.startProcess, "a") == (60, "ALREADY_STARTED: a")
    assert v.startProcess("off") is True
    assert v.stopProcess("off") is True
    info = v.getProcessInfo("off")
    assert (info["statename"], info["exitstatus"], info["pid"]) == ("STOPPED", -1, 0) and info["stop"] >= info["start"] > 0
    stopped = time.strftime("%b %d %I:%M %p", time.gmtime(info["stop"]))
    assert info["description"] == stopped
    assert fault(v.stopProcess, "off") == (70, "NOT_RUNNING: off")
    assert v.startProcess("off:off", False) is True and v.stopProcess("off", False) is True
    assert fault(v.startProcess, "quick") == (50, "SPAWN_ERROR: quick")
    s.wait_state("quick", "FATAL")
    assert v.startProcess("quick", False) is True
    s.wait_state("quick", "FATAL")
    info = v.getProcessInfo("quick")
    assert info["spawnerr"] == info["description"] == "Exited too quickly (process log may have details)"
    assert info["exitstatus"] == 0
    for wait in (True, False):
        assert fault(v.startProcess, "gone", wait) == (20, "NO_FILE: can't find command '/no/such/command'")
    assert v.getProcessInfo("gone")["description"] == "Not started"  # nothing was tried
    assert s.ctl("start", "gone").returncode != 0  # but for supctl
    assert v.getProcessInfo("gone")["description"] == "can't find command '/no/such/command'"
    s.wait_state("gone", "FATAL")
    for call in (v.startProcess, v.stopProcess):
        assert fault(call, "nope") == (10, "BAD_NAME: nope")
        assert fault(call, "w") == (10, "BAD_NAME: w")


def test_many_at_once(s):
    v = s.rpc.supervisor
    every = {"w:w_00": 80, "w:w_01": 80, "w:w_02": 80}
    assert v.startProcessGroup("w") == []
    got = v.stopProcess("w:*")
    assert members(got) == every and {tuple(i) for i in got} == {("name", "group", "status", "description")}
    assert {i["description"] for i in got} == {"OK"}
    assert v.stopProcessGroup("w") == []
    assert members(v.startProcess("w:")) == every
    assert members(v.stopAllProcesses()) == {**every, "a:a": 80}
    assert members(v.stopAllProcesses(False)) == {}
    got = v.startAllProcesses()
    assert members(got) == {**every, "a:a": 80, "off:off": 80, "gone:gone": 20, "quick:quick": 50}
    texts = {i["name"]: i["description"] for i in got}
    assert texts["quick"] == "SPAWN_ERROR: quick" and texts["gone"] == "NO_FILE: can't find command '/no/such/command'"
    for call in (v.startProcessGroup, v.stopProcessGroup, v.startProcess, v.stopProcess):
        assert fault(call, "nope:*" if call in (v.startProcess, v.stopProcess) else "nope")[0] == 10


def test_signals(s):
    v = s.rpc.supervisor
    assert v.signalProcess("a", "0") is True and v.signalProcess("a", 0) is True
    assert v.signalProcess("a", " sigcont ") is True
    assert fault(v.signalProcess, "a", "NOPE") == (11, "BAD_SIGNAL: NOPE")
    assert fault(v.signalProcess, "a", 4711) == (11, "BAD_SIGNAL: 4711")
    assert fault(v.signalProcess, "nope", "NOPE") == (10, "BAD_NAME: nope")
    assert fault(v.signalProcess, "off", "TERM") == (70, "NOT_RUNNING: off")
    every = {"w:w_00": 80, "w:w_01": 80, "w:w_02": 80}
    assert members(v.signalProcessGroup("w", "CONT")) == members(v.signalProcess("w:*", "CONT")) == every
    assert members(v.signalAllProcesses("CONT")) == {**every, "a:a": 80}
    got = v.signalProcessGroup("w", "NOPE")
    assert members(got) == dict.fromkeys(every, 11) and {i["description"] for i in got} == {"BAD_SIGNAL: NOPE"}
    assert fault(v.signalProcessGroup, "nope", "NOPE") == (10, "BAD_NAME: nope")
    pid = v.getProcessInfo("a")["pid"]
    assert v.signalProcess("a", "KILL") is True
    s.wait(lambda: v.getProcessInfo("a")["pid"] not in (0, pid))


def test_logs(s):
    v = s.rpc.supervisor
    s.wait_file("a.out", "hello\n")
    assert v.readProcessStdoutLog("a", 0, 0) == v.readProcessLog("a", -100, 0) == "hello\n"
    assert v.readProcessStdoutLog("a", 1, 3) == "ell" and v.readProcessLog("a:a", -3, 0) == "lo\n"
    assert v.readProcessLog("a", 6, 0) == v.readProcessLog("a", 100, 5) == ""
    assert s.wait(lambda: v.readProcessStderrLog("a", 0, 0)) == "oops\n"
    assert v.tailProcessStdoutLog("a", 0, 100) == v.tailProcessLog("a", 0, 6) == ["hello\n", 6, False]
    assert v.tailProcessStdoutLog("a", 0, 3) == ["lo\n", 6, True]
    assert v.tailProcessStderrLog("a", 5, 10) == ["", 5, False]
    for args in ((-1, 1), (0, -1), (-5, -5)):
        assert fault(v.readProcessStdoutLog, "a", *args) == (3, "BAD_ARGUMENTS")
        assert fault(v.readLog, *args) == (3, "BAD_ARGUMENTS")
    assert fault(v.readProcessStdoutLog, "off", 0, 0) == (20, "NO_FILE")
    assert fault(v.readProcessStderrLog, "w:w_00", 0, 0) == (20, "NO_FILE")
    assert v.tailProcessStdoutLog("off", 0, 5) == ["", 0, False]
    for call in (v.readProcessStdoutLog, v.readProcessStderrLog, v.tailProcessStdoutLog, v.tailProcessStderrLog):
        assert fault(call, "nope", 0, 0) == (10, "BAD_NAME: nope")
        assert fault(call, "w:*", 0, 0) == (10, "BAD_NAME: w:*")
    assert "spawned: 'a'" in v.readLog(0, 0) and v.readLog(0, 0).startswith(v.readMainLog(0, 20))
    assert v.clearLog() is True
    s.wait(lambda: "spawned: 'a'" not in v.readLog(0, 0))
    assert v.clearProcessLogs("a") is True and v.clearProcessLog("off") is True
    assert v.readProcessStdoutLog("a", 0, 0) == "" and v.tailProcessLog("a", 0, 9) == ["", 0, False]
    got = v.clearAllProcessLogs()
    assert len(got) == 7 and {(i["status"], i["description"]) for i in got} == {(80, "OK")}
    assert fault(v.clearProcessLogs, "w:*") == (10, "BAD_NAME: w:*")
    os.unlink(s.path("a.out"))
    assert v.stopProcess("a") is True


def test_logs_that_are_no_text(sup):
    """Better than Supervisor, which answers 500 or what no parser takes: U+FFFD stands for it."""
    s = sup(CONF + "[program:b]\ncommand=/bin/sh -c 'printf \"a\\\\001b\\\\377c\\\\303\"; exec sleep 1000'\nstdout_logfile=%(here)s/b\n")
    s.wait_file("b", "c")
    rpc = Rpc(s.path("rpc.sock"))
    assert rpc.supervisor.readProcessStdoutLog("b", 0, 0) == "a\ufffdb\ufffdc\ufffd"
    rpc("close")()


def test_stdin(sup):
    s = sup(CONF + """[program:cat]
command=/bin/sh -c 'cat > %(here)s/got'
startsecs=0
[program:deaf]
command=/bin/sh -c 'exec <&-; touch %(here)s/closed; exec sleep 1000'
startsecs=0
""")
    for name in ("cat", "deaf"):
        s.wait_state(name, "RUNNING")
    s.wait(lambda: os.path.exists(s.path("closed")))
    rpc = Rpc(s.path("rpc.sock"))
    text = "é\x7f" + "x" * 200000 + "\n"
    assert rpc.supervisor.sendProcessStdin("cat", text) is True
    assert rpc.supervisor.sendProcessStdin("cat", "") is True
    assert rpc.supervisor.sendProcessStdin("cat", xmlrpc.client.Binary(b"\0\xff")) is True
    s.wait(lambda: os.path.getsize(s.path("got")) == len(text.encode()) + 2)
    with open(s.path("got"), "rb") as f:
        assert f.read() == text.encode() + b"\0\xff"
    assert fault(rpc.supervisor.sendProcessStdin, "deaf", "x") == (20, "NO_FILE: deaf")
    assert fault(rpc.supervisor.sendProcessStdin, "cat", 5)[0] == 2
    assert fault(rpc.supervisor.sendProcessStdin, "nope", "x") == (10, "BAD_NAME: nope")
    rpc.supervisor.stopProcess("cat")
    assert fault(rpc.supervisor.sendProcessStdin, "cat", "x") == (70, "NOT_RUNNING: cat")
    rpc("close")()


def test_groups_and_configuration(s):
    v = s.rpc.supervisor
    assert v.reloadConfig() == [[[], [], []]]
    assert fault(v.addProcessGroup, "a") == (90, "ALREADY_ADDED: a")
    assert fault(v.removeProcessGroup, "w") == (91, "STILL_RUNNING: w")
    for call in (v.addProcessGroup, v.removeProcessGroup):
        assert fault(call, "nope") == (10, "BAD_NAME: nope")
    changed = PROGRAMS.replace("numprocs=3", "numprocs=2").replace("[program:quick]", "[program:new]")
    s.write("supd.conf", CONF + changed.replace("command=/bin/false\nautostart=false", "command=/bin/sleep 1000"))
    for _ in range(2):
        assert v.reloadConfig() == [[["new"], ["w"], ["quick"]]]
    configs = v.getAllConfigInfo()
    assert [(c["name"], c["inuse"]) for c in configs] == [
        ("a", True), ("gone", True), ("new", False), ("off", True), ("w_00", True), ("w_01", True)]
    assert v.addProcessGroup("new") is True and v.removeProcessGroup("quick") is True
    s.wait(lambda: v.getProcessInfo("new")["state"] in (10, 20))
    s.write("supd.conf", CONF + PROGRAMS + "autorestart=always\nstartsecs=soon\n")
    for call in (v.reloadConfig, v.restart):
        code, text = fault(call)
        assert code == 92 and re.match(r"CANT_REREAD: \S*supd.conf:\d+: program.*invalid 'autorestart' value "
                                       r"'always' .*; \S*supd.conf:\d+: program:.*startsecs: invalid literal", text)
    assert v.getProcessInfo("new")["state"] in (10, 20)


def test_config_info(sup):
    s = sup(CONF + """[program:x]
command=/bin/echo "a  b"
autostart=false
directory=/tmp
user=daemon
exitcodes=0,2
startretries=5
startsecs=2
stopsignal=INT
stopwaitsecs=7
stopasgroup=true
priority=5
stdout_logfile=/dev/null
stdout_logfile_maxbytes=1KB
stdout_logfile_backups=2
stdout_capture_maxbytes=1MB
stdout_events_enabled=true
stderr_logfile=NONE
stderr_syslog=true
serverurl=http://there:9001
[program:y]
command=/bin/true
autostart=false
[group:g]
programs=y
priority=3
""")
    rpc = Rpc(s.path("rpc.sock"))
    x, y = rpc.supervisor.getAllConfigInfo()
    assert x == {
        "autostart": False, "directory": "/tmp", "uid": 1, "command": '/bin/echo "a  b"', "exitcodes": [0, 2],
        "group": "x", "group_prio": 5, "inuse": True, "killasgroup": True, "name": "x", "process_prio": 5,
        "redirect_stderr": False, "startretries": 5, "startsecs": 2, "stdout_capture_maxbytes": 1048576,
        "stdout_events_enabled": True, "stdout_logfile": "/dev/null", "stdout_logfile_backups": 2,
        "stdout_logfile_maxbytes": 1024, "stdout_syslog": False, "stopsignal": 2, "stopwaitsecs": 7,
        "stderr_capture_maxbytes": 0, "stderr_events_enabled": False, "stderr_logfile": "none",
        "stderr_logfile_backups": 10, "stderr_logfile_maxbytes": 52428800, "stderr_syslog": True,
        "serverurl": "http://there:9001"}
    assert list(x) == [
        "autostart", "directory", "uid", "command", "exitcodes", "group", "group_prio", "inuse", "killasgroup", "name",
        "process_prio", "redirect_stderr", "startretries", "startsecs", "stdout_capture_maxbytes",
        "stdout_events_enabled", "stdout_logfile", "stdout_logfile_backups", "stdout_logfile_maxbytes", "stdout_syslog",
        "stopsignal", "stopwaitsecs", "stderr_capture_maxbytes", "stderr_events_enabled", "stderr_logfile",
        "stderr_logfile_backups", "stderr_logfile_maxbytes", "stderr_syslog", "serverurl"]
    assert (y["group"], y["group_prio"], y["process_prio"]) == ("g", 3, 999)
    assert re.fullmatch(re.escape(s.dir) + r"/y-stdout---me-\w{8}\.log", y["stdout_logfile"])
    assert rpc.supervisor.reloadConfig() == [[[], [], []]]
    assert rpc.supervisor.getAllConfigInfo()[1]["stdout_logfile"] == "auto"
    assert (y["directory"], y["uid"], y["serverurl"], y["killasgroup"]) == ("none", "none", "none", False)
    rpc("close")()


def test_multicall(s):
    def call(name, *params):
        return {"methodName": name, "params": list(params)}
    got = s.rpc.system.multicall([
        call("supervisor.getAPIVersion"), call("supervisor.stopProcess", "a"), call("supervisor.getProcessInfo", "a"),
        call("supervisor.startProcess", "a"), call("supervisor.startProcess", "a"), {"methodName": "supervisor.getPID"},
        call("system.multicall", []), {"params": []}, call("nope"), call("supervisor.readLog", "x", 0), 7,
        {"methodName": "supervisor.getPID", "params": 5}])
    assert got[:2] == ["3.0", True] and got[2]["statename"] == "STOPPED" and got[3] is True
    assert got[4] == {"faultCode": 60, "faultString": "ALREADY_STARTED: a"} and got[5] == 1
    assert got[6] == {"faultCode": 2, "faultString": "INCORRECT_PARAMETERS: Recursive system.multicall forbidden"}
    assert got[7] == {"faultCode": 2, "faultString": "INCORRECT_PARAMETERS: No methodName"}
    assert got[8] == {"faultCode": 1, "faultString": "UNKNOWN_METHOD"}
    assert [g["faultCode"] for g in got[9:]] == [2, 2, 2]
    assert s.rpc.system.multicall([]) == []
    many = s.rpc.system.multicall([call("supervisor.getProcessInfo", "a")] * 300)
    assert len(many) == 300 and {m["statename"] for m in many} == {"RUNNING"}
    assert s.rpc.system.multicall([call("supervisor.getPID")] * 10000) == [1] * 10000
    assert fault(s.rpc.system.multicall, [call("supervisor.getPID")] * 10001) == (
        2, "INCORRECT_PARAMETERS: more than 10000 calls in one")
    assert fault(s.rpc.system.multicall, [call("supervisor.getAllConfigInfo")] * 10000) == (
        30, "FAILED: the answer is too large")


def test_wrong_calls(s):
    for call, args in ((s.rpc.supervisor.startProcess, ["x" * 100000]), (s.rpc.supervisor.sendRemoteCommEvent, ["x" * 100000, "y"])):
        assert fault(call, *args) == (2, "INCORRECT_PARAMETERS: too long")
    assert fault(s.rpc.supervisor.readProcessLog, "x" * 100000, 0, 0)[0] == 10
    for name, params in (("supervisor.startProcess", ()), ("supervisor.startProcess", ("a", True, 1)),
                         ("supervisor.getPID", (1,)), ("supervisor.startProcess", (1,)),
                         ("supervisor.startProcess", (["a"],)), ("supervisor.readLog", ("a", 1)),
                         ("supervisor.signalProcess", ("a", 1.5)), ("system.multicall", ("a",)),
                         ("supervisor.getProcessInfo", (xmlrpc.client.Binary(b"a\0b"),)),
                         ("supervisor.getProcessInfo", (None,))):
        code, text = fault(getattr(s.rpc, name), *params)
        assert code == 2 and text.startswith("INCORRECT_PARAMETERS"), (name, params)
    for name in ("nope", "supervisor", "supervisor.nope", "supervisor._update", "a.b.c", "system.", "supervisor.getPID "):
        want = (1, "UNKNOWN_METHOD")
        assert name.endswith(" ") or fault(getattr(s.rpc, name)) == want, name
    assert s.rpc.supervisor.readLog("0", True) and s.rpc.supervisor.startProcessGroup("w", 1) == []
    path = s.path("rpc.sock")
    for body in (b"", b"hello", b"<methodCall/>", b"<methodCall><methodName></methodName></methodCall>",
                 b"<!DOCTYPE x [<!ENTITY a 'b'>]><methodCall><methodName>&a;</methodName></methodCall>",
                 b"<methodCall><methodName>\xff</methodName></methodCall>", b"<methodCall><methodName>a\0</methodName></methodCall>",
                 b"<methodCall><methodName>a</methodName><params>" + b"<param><value><array><data>" * 100000):
        assert post(path, body)[0] == 400, body[:100]
    assert b"DOCTYPE is refused" in post(path, b"<!DOCTYPE a>" + b"<a/>")[1]
    assert s.rpc.supervisor.getPID() == 1


def test_the_end(s):
    v = s.rpc.supervisor
    assert v.shutdown() is True
    with pytest.raises((xmlrpc.client.Fault, OSError)) as caught:
        s.wait(lambda: v.getPID() != 1)
    if isinstance(caught.value, xmlrpc.client.Fault):
        assert (caught.value.faultCode, caught.value.faultString) == (6, "SHUTDOWN_STATE")
    assert s.wait_exit() == 0
