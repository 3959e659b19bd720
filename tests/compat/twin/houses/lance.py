"""Listeners in the style of superlance: mails of crashes, a limit of memory, a look at a web server."""
import os
import re
import urllib.request

from ..house import HEAD, SERVER, House, plain, program

# written against the documented protocol of listeners; asks and restarts through Supervisor's own client library
LANCE = """#!/usr/bin/python3
import os, sys, time, urllib.error, urllib.request
from supervisor import childutils
kind, rest = sys.argv[1], dict(word.split("=", 1) for word in sys.argv[2:])
rpc = childutils.getRPCInterface(os.environ).supervisor

def mail(subject, text):
    with open("/run/w/%s.mails" % kind, "a") as f:
        f.write("Subject: %s\\n\\n%s\\n.\\n" % (subject, text))

def restart(name, why):
    rpc.stopProcess(name)
    rpc.startProcess(name)
    mail("%s: %s restarted" % (kind, name), why)

def running(name):
    info = rpc.getProcessInfo(name)
    return info["pid"] if info["statename"] == "RUNNING" else 0

def status_of(url):
    for _ in range(300):
        try:
            return urllib.request.urlopen(url, timeout=30).status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            time.sleep(0.1)  # it is not there yet
    return 0

def crashmail(name, event):
    if name == "PROCESS_STATE_EXITED" and event["expected"] == "0":
        mail(event["processname"] + " crashed", "Process {processname} in group {groupname} ended unexpectedly "
             "(pid {pid}) from state {from_state}".format(**event))

def memmon(name, event):
    for program, most in rest.items():
        pid = running(program)
        pages = int(open("/proc/%d/statm" % pid).read().split()[1]) if pid else 0
        if pages * os.sysconf("SC_PAGE_SIZE") > int(most):
            restart(program, "%s used more than %s at %s" % (program, most, name))

def httpok(name, event):
    for program, url in rest.items():
        status = status_of(url) if running(program) else 200
        if status != 200:
            restart(program, "status %d of %s at %s" % (status, url, name))

while True:
    sys.stdout.write("READY\\n")
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        break
    head = dict(word.split(":") for word in line.split())
    data = sys.stdin.read(int(head["len"]))
    {"crashmail": crashmail, "memmon": memmon, "httpok": httpok}[kind](
        head["eventname"], dict(word.split(":") for word in data.split()))
    sys.stdout.write("RESULT 2\\nOK")
    sys.stdout.flush()
"""
EATER = """#!/usr/bin/python3 -S
import os, time
first = not os.path.exists("/run/w/ate")
fill = b"x" * (64 << 20 if first else 1)
open("/run/w/ate", "w").close()
time.sleep(1000)
"""
WEB = """#!/usr/bin/python3
import http.server, os
first = not os.path.exists("/run/w/served")
open("/run/w/served", "w").close()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if first else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

http.server.ThreadingHTTPServer(("127.0.0.1", 9077), Handler).serve_forever()
"""


def lance(name, events, words=""):
    return program(name, f"/run/w/lance.py {name} {words}", "eventlistener", events=events, stdout_logfile=None,
                   stderr_logfile=f"/run/w/{name}.err")


house = House("lance", HEAD + SERVER + "".join([
    lance("crashmail", "PROCESS_STATE_EXITED"),
    lance("memmon", "TICK_5", f"eater={40 << 20}"),
    lance("httpok", "TICK_5", "web=http://127.0.0.1:9077/"),
    program("dies", "sh -c 'exit 3'", startsecs=0, autorestart="false"),
    program("ends", "sh -c 'exit 0'", startsecs=0, autorestart="false"),
    program("signalled", "sh -c 'ulimit -c 0; kill -SEGV $$'", startsecs=0, autorestart="false"),
    program("eater", "/run/w/eater.py", startsecs=0),
    program("web", "/run/w/web.py", startsecs=0),
]), files={"lance.py": LANCE, "eater.py": EATER, "web.py": WEB})


def life(t, name):
    """Without what is said by the clock: a program that ends at once may not have been seen up."""
    return [line for line in t.life(name) if "waiting for" not in line and not line.startswith("INFO success")]


@house.scenario
def crash_mail(t):
    for name in ("dies", "signalled"):
        t.wait_file("crashmail.mails", f"Process {name} .*\n")
    for name in ("dies", "ends", "signalled"):
        t.wait_log(f"exited: {name}")
    t.see("mails", sorted(plain(t.read("crashmail.mails")).split(".\n")))
    t.see("life", [life(t, name) for name in ("dies", "ends", "signalled")])


@house.scenario
def memory_monitor(t):
    t.wait_file("memmon.mails", r"^\.\n")
    t.see("mails", t.read("memmon.mails"))
    t.wait_log("spawned: 'eater'", 2)
    t.see("life", life(t, "eater"))


@house.scenario
def http_check(t):
    t.wait_file("httpok.mails", r"^\.\n")
    t.see("mails", t.read("httpok.mails"))
    t.wait_log("spawned: 'web'", 2)
    t.see("life", life(t, "web"))

    def answers():
        try:
            return urllib.request.urlopen("http://127.0.0.1:9077/", timeout=10).status
        except OSError:
            return None
    t.see("then", t.wait(answers))


@house.then
def nothing_was_refused(t):
    t.see("said", [t.read(f"{name}.err") for name in ("crashmail", "memmon", "httpok")])
    t.see("states", [t.state(name) for name in ("crashmail", "memmon", "httpok")])
    t.see("main log", [line for line in t.lines("rejected|UNKNOWN|overflow|bad result")])
