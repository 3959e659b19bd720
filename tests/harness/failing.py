"""What the tests of failures share: how busy a process is, what is denied to it, what it may use."""
import os
import subprocess
import time

from .namespace import status_of
from .supervised import tool
from .waiting import wait

# stands before a program: its standard error (and output, with "both") is a pipe that is full and
# that nobody reads, or ("closed") whose reader is gone
PIPED = """
import os, signal, sys
how, which = sys.argv[1:3]
r, w = os.pipe()
if how == "full":
    os.set_blocking(w, False)
    try:
        while True:
            os.write(w, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(w, True)
    os.set_inheritable(r, True)
else:
    os.close(r)
os.dup2(w, 2)
if which == "both":
    os.dup2(w, 1)
os.close(w)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
os.execvp(sys.argv[3], sys.argv[3:])
"""


def piped(how, which="stderr"):
    """A prefix; how: full or closed; which: stderr or both."""
    return ["/usr/bin/python3", "-c", PIPED, how, which]


def shell(script):
    """A prefix: the script, which ends with what follows in its place."""
    return ["sh", "-c", script + '\nexec "$@"', "sh"]


def denied(errnum, *calls):
    """A prefix under which these system calls fail."""
    return [tool("denycall"), str(int(errnum)), ",".join(calls), "--"]


def pause(seconds):
    """For what is measured over a time, or lasts for one: never a wait for something to happen."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() >= end, seconds + 10)


def cpu_ms(pid):
    """The CPU time that a process has used, in milliseconds."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0]) / 1e6


def busy_share(pid, seconds=1.0):
    """The part of one CPU that a process uses from now on."""
    before, began = cpu_ms(pid), time.monotonic()
    pause(seconds)
    return (cpu_ms(pid) - before) / 1000 / (time.monotonic() - began)


def limit(pid, what, value):
    """Sets a limit of a running process."""
    subprocess.run(["prlimit", "--pid", str(pid), f"--{what}={value}:"], check=True)


def first_free_descriptor(pid):
    """The lowest number that is free, once it stays the same."""
    seen = []

    def steady():
        seen.append(sorted(int(fd) for fd in os.listdir(f"/proc/{pid}/fd")))
        return seen[-1] if seen[-3:] == [seen[-1]] * 3 else None

    used = wait(steady, 10, "the descriptors stay the same", every=0.1)
    return next(fd for fd in range(len(used) + 1) if fd not in used)


def zombies(ns):
    return [p for p in ns.pids(zombies=True) if status_of(p, "State")[:1] == ["Z"]]


def frozen(pid):
    """Waits until a process that was sent SIGSTOP stands still."""
    wait(lambda: status_of(pid, "State")[:1] == ["T"], 10, "it stands still")


def preload(name):
    """The environment that brings a library of tests/preload into supd."""
    return {"LD_PRELOAD": tool(name + ".so")}
