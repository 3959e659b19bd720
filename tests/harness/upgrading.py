"""Another image of supd in the place of the one that runs: asked for, or after a fault."""
import os
import signal

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
