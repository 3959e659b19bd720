"""The end of programs: stop signals, KILL, who else gets them, and the order at a shutdown."""
import os
import re
import signal

from ..house import HEAD, SERVER, House, program

DEAF = "#!/bin/sh\ntrap '' TERM\necho ready >> /run/w/deaf.out\nwhile :; do sleep 0.1; done\n"
FAMILY = """#!/bin/sh
# what it leaves may be killed at its end: it waits for the child's last word
trap 'echo parent >> /run/w/$1.out; [ $1 = alone ] || until grep -qs "^child" /run/w/$1.out; do sleep 0.01; done; exit 0' TERM
sh -c 'trap "echo child >> /run/w/$0.out" TERM; echo there >> /run/w/$0.out
    while :; do sleep 0.1; done' $1 &
echo $! > /run/w/$1.child
while :; do sleep 0.1; done
"""
TELLS = "#!/bin/sh\ntrap \"echo $1 >> /run/w/order; exit $2\" $3\necho up > /run/w/$1.up\nwhile :; do sleep 0.1; done\n"
CLAN = """#!/bin/sh
trap '' TERM
sh -c 'echo there >> /run/w/$0.out; while :; do sleep 0.1; done' $1 &
echo $! > /run/w/$1.child
while :; do sleep 0.1; done
"""
MEMBERS = ("deaf", "killalone", "killgroup", "usr1", "alone", "together", "never", "manual")

house = House("down", HEAD + SERVER + "".join([
    program("first", "/run/w/tells.sh first 0 TERM", startsecs=0, priority=1),
    program("second", "/run/w/tells.sh second 3 INT", startsecs=0, priority=2, stopsignal="INT", exitcodes="0,3"),
    program("deaf", "/run/w/deaf.sh", startsecs=0, stopwaitsecs=3),
    program("usr1", "/run/w/tells.sh usr1 2 USR1", startsecs=0, stopsignal="USR1"),
    program("killalone", "/run/w/clan.sh killalone", startsecs=0, stopwaitsecs=3),
    program("killgroup", "/run/w/clan.sh killgroup", startsecs=0, stopwaitsecs=3, killasgroup="true"),
    program("alone", "/run/w/family.sh alone", startsecs=0),
    program("together", "/run/w/family.sh together", startsecs=0, stopasgroup="true"),
    program("never", "sh -c 'exit 1'", startsecs=0, autorestart="false"),
    program("manual", "sleep 1000", autostart="false"),
    f"[group:all]\nprograms={','.join(MEMBERS)}\n",
]), files={"deaf.sh": DEAF, "family.sh": FAMILY, "clan.sh": CLAN, "tells.sh": TELLS})


@house.then
def starts_are_in_order_of_priority(t):
    for name in ("first", "second", "usr1"):
        t.wait_file(f"{name}.up")
    t.wait_log("exited: never")
    order = [line.split("'")[1] for line in t.lines("spawned: ")]
    t.see("order", order[:2])
    t.differs("in the order of `programs=`", "members", order[2:], [name for name in MEMBERS if name != "manual"],
              sorted(name for name in MEMBERS if name != "manual"))


@house.then
def shutdown(t):
    for name in ("alone", "together", "killalone", "killgroup"):
        t.wait_file(f"{name}.out", "there")
    t.wait_file("deaf.out")
    t.wait_log("exited: never")
    t.send(signal.SIGTERM)
    t.wait(lambda: t.status is not None)
    t.see("status", t.status)
    t.see("order", t.read("order").split())
    for name in MEMBERS + ("first", "second"):
        if name != "together":
            t.see(name, [line for line in t.life(name) if re.match("WARN (kill|stop)|INFO stop", line)])
    t.see("pid file", os.path.exists(t.path("pid")))


@house.then
def who_gets_the_stop_signal(t):
    t.see("leader only", t.read("alone.out"))
    t.see("the group", sorted(t.read("together.out").split()))
    t.see("together", t.lines("stopped: together"))
    def lives(name):
        return os.path.exists(f"/proc/{t.read(f'{name}.child').strip()}")
    t.wait(lambda: not lives("killgroup"))
    alive = {name: lives(name) for name in ("alone", "together", "killalone")}
    t.see("a grandchild stays", [alive["alone"], alive["killalone"]])
    t.differs("processes that a program leaves", "of a group that was to stop", alive["together"], True, False)
    for name in (name for name, there in alive.items() if there):
        os.kill(int(t.read(f"{name}.child")), signal.SIGKILL)
