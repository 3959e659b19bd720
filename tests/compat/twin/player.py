"""Plays a house's scenarios in the namespaces of one twin, in a process of its own."""
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback

from .side import Scene, Side

SPACES = ("net", "mnt", "pid")
PULSE = 0.05
SHOW = os.environ.get("SUPD_TEST_SHOW")  # how long each scenario took


class Player:
    """A fork that has entered the twin's namespaces; `result()` waits for what it saw."""

    def __init__(self, house, twin):
        self.house = house
        self.fd, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.fd)
            lead(house, twin, write)
        os.close(write)

    def result(self):
        """{scene: {key: value}}"""
        with os.fdopen(self.fd, "rb") as f:
            text = f.read()
        os.waitpid(self.pid, 0)
        return json.loads(text) if text else {s: {"lost": "the player was ended"} for s in self.house.scenarios()}


def lead(house, twin, write):
    """Enters, and has a child play there: only a child is in the new namespace of processes."""
    try:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        enter(twin.ns.init)
        inner = os.fork()
        if inner == 0:
            text = json.dumps(play(house, Side(house, twin))).encode()
            with os.fdopen(write, "wb") as f:
                f.write(text)
            os._exit(0)
        os.close(write)
        os.waitpid(inner, 0)
    except BaseException:  # nothing of the test runner may run on in here
        traceback.print_exc()
    os._exit(0)


def enter(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    fds = [os.open(f"/proc/{pid}/ns/{space}", os.O_RDONLY) for space in SPACES]
    root = os.open(f"/proc/{pid}/root", os.O_RDONLY)
    for fd in fds:
        if libc.setns(fd, 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(fd)
    os.fchdir(root)
    os.chroot(".")
    os.close(root)
    os.chdir(Side.folder)


def pulse(path):
    """Supervisor looks around when something comes, else once a second: somebody connects all the time, to both."""
    pause = threading.Event()
    while not pause.wait(PULSE):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
            s.connect(path)


def together(scenes, end):
    """Plays them beside one another; what is not over at its end tells where it stands."""
    threads = [threading.Thread(target=one.play, daemon=True) for one in scenes]
    for thread in threads:
        thread.start()
    for thread, scene in zip(threads, scenes):
        thread.join(max(0, end - time.monotonic()))
        if thread.is_alive():
            frame = sys._current_frames().get(thread.ident)
            scene.seen["lost"] = "not over:\n" + "".join(traceback.format_stack(frame)[-6:])


def play(house, side):
    threading.Thread(target=pulse, args=[side.path("sock")], daemon=True).start()
    end = time.monotonic() + house.limit
    scenes = [Scene(side, fn) for fn in house.beside]
    together(scenes, end)
    for fn in house.after:
        scenes.append(Scene(side, fn))
        together(scenes[-1:], end)
    with contextlib.suppress(OSError):
        side.close()
    if SHOW:
        for one in sorted(scenes, key=lambda one: -one.took):
            print(f"{house.name} {'theirs' if side.real else 'ours'} {one.took:.1f} {one.name}", file=sys.stderr)
    return {one.name: one.seen for one in scenes}
