"""The log of the daemon as it turns over, and lines that go to syslog."""
import os
import re
import socket

from ..house import HEAD, SERVER, House, program, spoken

# /dev is the machine's: this one has only what programs need, and a socket of ours for syslog
DEVICES = ("mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/zero c 1 5 && "
           "mknod -m 666 /dev/urandom c 1 9 && ln -s /run/w/log.sock /dev/log")
TALKS = """#!/bin/sh
until [ -e /run/w/log.sock ]; do sleep 0.02; done
echo "first line"
echo "to err" >&2
printf 'two at once\\nh\\303\\244\\n'
exec sleep 1000
"""
house = House("logs", HEAD + "logfile_maxbytes=1500\nlogfile_backups=9\n" + SERVER + "".join([
    program("talks", "/run/w/talks.sh", startsecs=0, stdout_syslog="true", stderr_syslog="true", stdout_logfile="/run/w/talks.log"),
    program("old", "/run/w/talks.sh", startsecs=0, stdout_logfile="syslog"),
    program("onoff", "sh -c 'echo up > /run/w/onoff.up; exec sleep 1000'", startsecs=0, autostart="false"),
]), files={"talks.sh": TALKS}, before=DEVICES)


@house.scenario
def lines_to_syslog(t):
    found = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(t.path("log.new"))
        os.rename(t.path("log.new"), t.path("log.sock"))
        s.settimeout(0.1)

        def more():
            try:
                found.append(s.recv(4096).decode())
            except TimeoutError:
                pass
            return sum("talks " in one for one in found) >= 4 and sum("old " in one for one in found) >= 3
        t.wait(more)
    lines = sorted(re.sub(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ", "WHEN ", one).rstrip("\0\n") for one in found)
    t.see("lines", [line for line in lines if "talks " in line or "old " in line])
    t.see("file, too", t.wait_file("talks.log", "h..?\n").string)
    t.see("main log", t.lines("syslog"))


@house.then
def the_main_log_turns_over(t):
    for _ in range(12):
        t.call("supervisor.startProcess", "onoff")
        t.wait_file("onoff.up")
        os.unlink(t.path("onoff.up"))
        t.call("supervisor.stopProcess", "onoff")

    def logs():
        return sorted((n for n in os.listdir(t.folder) if n.startswith("main.log")), key=lambda n: -int((n + ".0").split(".")[2]))

    t.wait(lambda: sum(t.read(n).count("stopped: onoff") for n in logs()) >= 12)
    names = logs()
    t.see("over", len(names) > 2)
    t.see("of these sizes", [1500 <= os.path.getsize(t.path(n)) < 1700 for n in names[:-1]] == [True] * (len(names) - 1))
    lines = spoken("".join(t.read(n) for n in names))
    t.see("none is lost", [line for line in lines if "onoff" in line and "waiting" not in line])
