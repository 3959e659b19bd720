"""result_handler= of supervisor-stdout, which Supervisor loads as Python and we know by its name."""
import json
import os

from ..house import HEAD, SERVER, House, plain, program

# both parts of such a plugin: what supervisord calls with each answer, and the listener that answers with its event
PLUGIN = """#!/usr/bin/python3
import json, sys

def event_handler(event, response):
    line, data = response.decode().split("\\n", 1)
    head = dict(word.split(":") for word in line.split())
    for one in data.splitlines():
        print("%s %s | %s" % (head["processname"], head["channel"], one))
    sys.stdout.flush()

def main():
    while True:
        sys.stdout.write("READY\\n")
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            return
        head = dict(word.split(":") for word in line.split())
        data = sys.stdin.read(int(head["len"]))
        with open("/run/w/told", "a") as f:
            f.write(json.dumps([head["eventname"], data]) + "\\n")
        sys.stdout.write("RESULT %d\\n%s" % (len(data.encode()), data))
        sys.stdout.flush()

if __name__ == "__main__":
    main()
"""
SPEAKS = """#!/bin/sh
until [ -e /run/w/go ]; do sleep 0.02; done
echo 'one line, longer than any mark is'
echo 'an error, longer than any mark is' >&2
exec sleep 1000
"""
house = House("handler", HEAD + SERVER + """[eventlistener:stdout]
command=/run/w/supervisor_stdout.py
buffer_size=100
events=PROCESS_LOG
result_handler=supervisor_stdout:event_handler
[ctlplugin:wildcards]
supervisor.ctl_factory = supervisor_wildcards.controllerplugin:make_wildcards_controllerplugin
""" + program("speaks", "/run/w/speaks.sh", startsecs=0, stdout_events_enabled="true", stderr_events_enabled="true"),
              files={"supervisor_stdout.py": PLUGIN, "speaks.sh": SPEAKS}, env={"PYTHONPATH": "/run/w"})


def own_output(t):
    with open(os.path.join(t.dir, "stdout"), encoding="utf-8") as f:
        return [line for line in f.read().splitlines() if " | " in line]


@house.scenario
def a_result_handler(t):
    t.wait_log("success: stdout")
    t.write("go", "")
    t.wait(lambda: t.read("told").count("\n") == 2)
    events = [json.loads(line) for line in t.read("told").splitlines()]
    t.see("events", sorted([kind, plain(data)] for kind, data in events))
    t.wait(lambda: len(own_output(t)) == 2)
    t.see("printed", sorted(own_output(t)))
    t.see("state", t.state("stdout"))
    said = t.lines("stdout|rejected|UNKNOWN|bad result|[Hh]andler")
    t.see("said", said)
