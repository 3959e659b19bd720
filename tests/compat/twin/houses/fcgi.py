"""[fcgi-program]: the socket that its processes find as descriptor 0."""
import os
import socket

from ..house import HEAD, SERVER, House, program

SERVES = """#!/usr/bin/python3
import os, socket, stat, sys
s = socket.socket(fileno=0)
with open("/run/w/" + sys.argv[1], "w") as f:
    print(s.family.name, s.getsockname() if s.family == socket.AF_UNIX else s.getsockname()[0],
          s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN), s.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR),
          os.get_blocking(0), file=f)
while True:
    peer, _ = s.accept()
    peer.sendall(b"served\\n")
    peer.close()
"""
keys = {"kind": "fcgi-program", "startsecs": 0}
house = House("fcgi", HEAD + SERVER + "".join([
    program("unix", "/run/w/serves.py unix_%(process_num)d", socket="unix:///run/w/%(program_name)s.sock", numprocs=2,
            process_name="u%(process_num)d", socket_mode="0757", socket_owner="nobody:daemon", **keys),
    program("tcp", "/run/w/serves.py tcp", socket="tcp://127.0.0.1:9333", **keys),
    program("asuser", "/run/w/serves.py asuser", socket="unix:///run/w/asuser.sock", user="nobody", **keys),
]), files={"serves.py": SERVES}, before="chmod 777 /run/w")


def ask(where, family=socket.AF_UNIX):
    with socket.socket(family) as s:
        s.settimeout(10)
        try:
            s.connect(where)
            return s.makefile().read()
        except OSError as error:
            return type(error).__name__


@house.then
def sockets_are_served(t):
    for name in ("unix_0", "unix_1", "tcp", "asuser"):
        t.see(name, t.wait_file(name, r"\S[\s\S]*\n").group(0))
    t.see("asked unix", ask("/run/w/unix.sock"))
    t.see("asked tcp", ask(("127.0.0.1", 9333), socket.AF_INET))
    t.see("modes", t.run("stat", "-c", "%F %a %U %G", "unix.sock", "asuser.sock").stdout)
    t.see("said", t.wait(lambda: (lambda lines: len(lines) >= 3 and lines)(sorted(set(t.lines("Creating socket"))))))
    t.see("config", [one["stdout_logfile"] for one in t.call("supervisor.getAllConfigInfo")])


@house.then
def the_last_one_closes_it(t):
    for name in ("u0", "u1"):
        t.see(f"stop {name}", t.call("supervisor.stopProcess", f"unix:{name}"))
        t.see(f"then {name}", ask("/run/w/unix.sock"))
    t.see("path stays", os.path.exists("/run/w/unix.sock"))
    t.see("start", t.call("supervisor.startProcess", "unix:u1"))
    t.see("again", ask("/run/w/unix.sock"))
    t.wait_log("Creating socket.*/unix.sock", 2)
    t.see("said", t.lines("(Clos|Creat).*unix.sock")[-3:])
