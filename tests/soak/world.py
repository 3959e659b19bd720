"""The supd of a soak: its configuration, its workers, and what is known of its processes."""
import contextlib
import os
import sys
import time
from collections import Counter

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.failing import preload  # noqa: E402
from harness.namespace import command_of, status_of  # noqa: E402
from harness.supervised import Supd, program as built, tool  # noqa: E402
from harness.upgrading import CRASHED, version  # noqa: E402
from harness.waiting import Late, wait  # noqa: E402
from harness.wire import Refused  # noqa: E402

from board import Board, Log, RotatedLog  # noqa: E402
from clients import Caller, Dialler, Supctl  # noqa: E402
from ears import Heard, notes_of  # noqa: E402

HEAD = """[supd]
log_memory=16MB
[supervisord]
childlogdir=%(here)s
[agent]
state_dir=%(here)s/state
listen=127.0.0.1:9190
[metric:lines]
type=lines
program=w1
stream=stdout
errors=[aeiou]$
[alert:lines]
type=count
metric=lines
window=1m
over=100000000
severity=info
[probe:self]
type=http
url=http://127.0.0.1:9190/-/healthy
interval=500ms
[unix_http_server]
file=%(here)s/rpc.sock
[inet_http_server]
port=127.0.0.1:9001
"""
WORKER = """[program:w{n}]
command={runner} %(here)s/board {n} {life} {rate} {bytes}
startsecs=0
autorestart=true
log_overflow=block
redirect_stderr=true
stdout_logfile=%(here)s/w{n}.log
stdout_logfile_maxbytes={maxbytes}
stdout_logfile_backups=100000
"""
# started now and then, and not counted
EXTRA = """[program:orphans]
command={flood}
autostart=false
autorestart=false
startsecs=0
[program:torrent]
command=/bin/sh -c "while :; do echo torrent torrent torrent torrent torrent; done"
autostart=false
autorestart=false
startsecs=0
stdout_logfile=%(here)s/torrent.log
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=2
"""
# who is told all of it: alone, and by turns
EAR = """[eventlistener:{pool}]
command=/usr/bin/python3 -S {folder}/ear.py %(here)s/{pool}.heard 60
events=PROCESS_STATE,REMOTE_COMMUNICATION
process_name=%(process_num)d
numprocs={size}
buffer_size=30000
startsecs=0
autorestart=true
"""
# what takes connections from a socket that supd holds
PAGE = """[fcgi-program:{name}]
command=/usr/bin/python3 -S {folder}/page.py 60
socket={socket}
process_name=%(process_num)d
numprocs={size}
startsecs=0
autorestart=true
"""
# what comes and goes by reloads
COMES = """[program:x{n}]
command=/bin/sleep 1000
environment=ROUND="{round}"
startsecs=0
stopasgroup=true
"""
ROTATED = 2  # so many of the workers have logs that are rotated, others one large file
PARTS = ("supd", "supd-log", "supd-agent")
POOLS = {"alone": 1, "both": 2}  # and how many listeners are in each
PAGES = {"page": ("unix://%(here)s/page.sock", 2), "port": ("tcp://127.0.0.1:9000", 2)}
FOLDER = os.path.dirname(os.path.abspath(__file__))


class World:
    """workers: how many; life: ms of each run, on average; rate: lines a second of each, of so many
    bytes."""

    def __init__(self, workers, life, rate, size, clock=True):
        self.names = {n: f"w{n}" for n in range(1, workers + 1)}
        self.life, self.rate, self.size = life, rate, size
        self.kills, self.doubts = Counter(), Counter()  # see compare_counts
        env = {**preload("wallclock"), "WALLCLOCK": "clock"} if clock else {}
        self.s = Supd(self.conf(), env=env)
        self.s.expect_log(CRASHED)
        self.board = Board(self.s.path("board"))
        self.logs = {n: self.log(n) for n in self.names}
        self.s.start()
        self.s.wait_ready()

    def rotated(self, n):
        return n <= ROTATED

    def log(self, n):
        return (RotatedLog if self.rotated(n) else Log)(self.s.path(f"w{n}.log"), n, self.size)

    def conf(self, extra=(), number=0, more=""):
        workers = (WORKER.format(n=n, runner=tool("runner"), life=self.life, rate=self.rate, bytes=self.size,
                                 maxbytes="1MB" if self.rotated(n) else 0) for n in self.names)
        ears = (EAR.format(pool=pool, size=size, folder=FOLDER) for pool, size in POOLS.items())
        pages = (PAGE.format(name=name, socket=at, size=size, folder=FOLDER) for name, (at, size) in PAGES.items())
        return HEAD + "".join([*workers, *ears, *pages]) + EXTRA.format(flood=tool("flood")) + \
            "".join(COMES.format(n=n, round=number) for n in extra) + more

    # time

    def pump(self):
        return any([log.pump() for log in self.logs.values()])

    def rest(self, seconds):
        """Lets time pass, and reads the logs meanwhile."""
        end = time.monotonic() + seconds

        def over():
            return time.monotonic() >= end or (self.pump() and False)
        wait(over, seconds + 600, "time passes")

    # processes

    def children(self):
        """Pids, outside, of supd's children."""
        try:
            with open(f"/proc/{self.s.pid}/task/{self.s.pid}/children", encoding="ascii") as f:
                return [int(p) for p in f.read().split()]
        except OSError:
            return []

    def part(self, name):
        """The pid of supd, supd-log or supd-agent, or None."""
        if name == "supd":
            return self.s.pid
        found = [p for p in self.children() if command_of(p).split(" ")[0] in (built(name), name)]
        return found[0] if found else None

    def pid_of(self, run):
        """The pid, outside, of a run that lives."""
        found = [p for p in self.children() if status_of(p, "NSpid")[-1:] == [str(run.pid)]]
        return found[0] if found else None

    def living(self):
        """The newest run of each worker that has not ended by itself."""
        newest = {run.program: run for run in self.board.runs()[-40 * len(self.names):] if run.program}
        return [run for _, run in sorted(newest.items()) if run.pid and not run.ended]

    # who listens, and who asks

    def clients(self):
        """Everybody who wants something all the time, from now on."""
        return [Caller("unix", self.s, self.s.path("rpc.sock")), Caller("inet", self.s, ("127.0.0.1", 9001)),
                Supctl("supctl", self.s), Dialler("page", self.s, self.s.path("page.sock")),
                Dialler("port", self.s, ("127.0.0.1", 9000))]

    def heard(self, records):
        """What each pool's listeners noted, and supd's record of it, once all of it is there: an end is told only when
        its last words were."""
        found = {}

        def all_there():
            rows = {r["pool"]: r for r in self.s.ask("listeners")[0]}
            found.update({p: (Heard(p, size, notes_of(self.s.read(f"{p}.heard"))), rows[p])
                          for p, size in POOLS.items()})
            return all(row["waiting"] == 0 and heard.settled(row["events"]) and
                       not heard.compare_states(self.names.values(), records) for heard, row in found.values())
        with contextlib.suppress(Late):  # then what is missing is told
            wait(all_there, 30, every=0.5)
        return found

    # control

    def ask(self, *words):
        """A request whose answer may be a refusal; supd has to answer."""
        try:
            return self.s.ask(*words)
        except Refused as e:
            return e

    def answers(self):
        wait(lambda: version(self.s), 30, lambda: f"supd answers; log:\n{self.s.log_text()[-3000:]}")

    def all_there(self):
        """Every worker has had a run, and supd's parts are there."""
        began = {run.program for run in self.board.runs()}
        return set(self.names) <= began and all(self.part(p) for p in PARTS)
