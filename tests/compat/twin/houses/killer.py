"""A container that ends with its first program, by an event listener of one line of shell."""
from ..house import House
from .wild import STUB, VARIABLES

KILLER = """[supervisord]
nodaemon=true
logfile=/run/w/main.log
pidfile=/run/w/pid
[program:web]
command=nginx -g 'daemon off;'
[program:dies]
command=sh -c "sleep 2.5; exit 1"
autorestart=false
[eventlistener:processes]
command=bash -c "printf 'READY\\n' && while read line; do kill -SIGQUIT $PPID; done < /dev/stdin"
events=PROCESS_STATE_STOPPED,PROCESS_STATE_EXITED,PROCESS_STATE_FATAL
"""
killer = House("killer", KILLER, files={"bin/nginx": STUB, "w/calls": ""}, env={**VARIABLES, "WORLD": "w"})


@killer.then
def a_container_killer(t):
    t.wait_log("received SIGQUIT")
    t.wait(lambda: t.status is not None)
    t.see("status", t.status)
    t.see("lines", sorted(line for line in t.lines() if not line.startswith("INFO success")))
