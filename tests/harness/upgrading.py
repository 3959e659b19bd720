"""Another image of supd in the place of the one that runs: asked for, or after a fault."""
import os
import re
import signal

from .beacon import conf, program
from .wire import Refused

CRASHED = r"supd crashed: SIG\w+ "


def upgrade(s, *args):
    """`supctl upgrade`, which has to succeed; what it printed."""
    done = s.ctl("upgrade", *args, timeout=30)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{s.log_text()}"
    return done.stdout


def version(s):
    """The record of the verb version, or None while nobody answers."""
    try:
        return s.ask("version")[1]
    except (OSError, Refused):
        return None


def crash(s, sig=signal.SIGSEGV, timeout=15):
    """Sends supd a fault from outside; returns once the next image answers."""
    s.expect_log(CRASHED)
    before = s.wait(lambda: version(s))["crashes"]
    os.kill(s.pid, sig)
    s.wait(lambda: (version(s) or {"crashes": before})["crashes"] > before, timeout,
           lambda: f"supd goes on after {sig!r}; log:\n{s.log_text()}")


def life(record):
    """What has to be the same before and after, of a status record."""
    return {k: record[k] for k in ("pid", "state", "restarts", "start", "stop") if k in record}


def lives(s):
    return {name: life(r) for name, r in s.status().items()}


LINES = 4000
CHATTER = f"/bin/sh -c 'i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo line $i; done; " \
          "echo $$ >>%(here)s/ended; exit 3'"


def busy(count=8):
    """A configuration whose programs w0, w1, ... write, end and start all the time; beside them `still`."""
    keys = {"startsecs": 0, "autorestart": "true", "exitcodes": 3, "stdout_logfile_maxbytes": 0}
    return conf(*(program(f"w{i}", command=CHATTER, stdout_logfile=f"%(here)s/w{i}.log", **keys)
                  for i in range(count)), program("still", startsecs=0))


def check_busy(s, count=8):
    """Stops them. Each run wrote all its lines once and in order (only the last one was cut short by
    the stop), and as many ended by themselves as supd has counted."""
    for i in range(count):
        s.ok("stop", f"w{i}")
    whole = "".join(f"line {n}\n" for n in range(2, LINES + 1))
    total = 0
    for i in range(count):
        runs = re.split(r"(?m)^line 1\n", s.read(f"w{i}.log"))[1:]
        assert len(runs) > 1 and all(run == whole for run in runs[:-1]), f"w{i}.log"
        assert whole.startswith(runs[-1].rpartition("\n")[0])
        total += len(runs)
    starts = sum(r["starts"] for name, r in s.status().items() if name != "still")
    exits = sum(r["exits"] for name, r in s.status().items() if name != "still")
    # a run that was stopped before its first line shows in no log
    assert starts == exits and total <= starts <= total + count
    assert exits - len(s.read("ended").split()) <= count
