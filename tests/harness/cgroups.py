"""Control groups of a test's own, in whichever way this machine has them."""
import itertools
import os

import pytest

from .waiting import wait

ROOT = "/sys/fs/cgroup"
# shell text, for a place to mount something on even where there is no /sys
PLACE = f"[ -d {ROOT} ] || {{ mount -t tmpfs none /sys && mkdir -p {ROOT}; }}; "
serial = itertools.count()


class Group:
    """One group with one controller; old: version 1. Processes are named by their pids outside."""

    def __init__(self, parent, old):
        self.old = old
        self.path = os.path.join(parent, f"supd-test-{os.getpid()}-{next(serial)}")
        os.mkdir(self.path)

    def set(self, name, value):
        with open(os.path.join(self.path, name), "w", encoding="ascii") as f:
            f.write(str(value))

    def get(self, name):
        with open(os.path.join(self.path, name), encoding="ascii") as f:
            return f.read()

    def add(self, pid):
        self.set("cgroup.procs", pid)

    def leave(self, pid):
        """Back to where groups are made."""
        with open(os.path.join(os.path.dirname(self.path), "cgroup.procs"), "w", encoding="ascii") as f:
            f.write(str(pid))

    def freeze(self, on):
        """For groups of freezer. Waits until it is so."""
        if not self.old:
            self.set("cgroup.freeze", int(on))
            wait(lambda: f"frozen {int(on)}" in self.get("cgroup.events"), 10, "the group obeys")
            return
        state = "FROZEN" if on else "THAWED"
        self.set("freezer.state", state)
        wait(lambda: self.get("freezer.state") == state + "\n", 10, "the group obeys")

    def close(self):
        def gone():
            try:
                os.rmdir(self.path)
            except OSError:
                return False
            return True
        wait(gone, 10, lambda: f"the group is empty: {self.get('cgroup.procs')!r}")


def parent_of(controller):
    """(folder, old) where groups with this controller can be made, or None."""
    old = os.path.join(ROOT, controller)
    if os.path.exists(os.path.join(old, "cgroup.procs")):
        return old, True
    try:
        with open(os.path.join(ROOT, "cgroup.subtree_control"), encoding="ascii") as f:
            there = f.read().split() + ["freezer"]  # this one every new group has
            return (ROOT, False) if controller in there else None
    except OSError:
        return None


def make(controller, only_old=False):
    """A new group; skips the test where the machine has none, or does not let us."""
    found = parent_of(controller)
    if not found or (only_old and not found[1]):
        pytest.skip(f"no control groups of the kind {controller} here")
    try:
        return Group(*found)
    except OSError as e:
        pytest.skip(f"no control groups may be made here: {e}")


def mounted():
    """Where the hierarchy of version 2 is, or None."""
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        found = [line.split() for line in f if " - cgroup2 " in line]
    return next((fields[4] for fields in found if fields[3] == "/"), None)


class Delegated(Group):
    """A group of version 2 for a supd that makes groups of its own in it."""

    def enter(self):
        """A prefix: what follows is in the group from its start."""
        return ["sh", "-c", 'echo 0 >"$0"/cgroup.procs && exec "$@"', self.path]

    def below(self):
        """The groups that were made in it, and how many processes are in each."""
        found = {}
        for path, _, _ in os.walk(self.path):
            if path != self.path:
                with open(os.path.join(path, "cgroup.procs"), encoding="ascii") as f:
                    found[os.path.relpath(path, self.path)] = len(f.read().split())
        return found

    def close(self):
        """Ends what is left in it, too."""
        self.set("cgroup.kill", 1)

        def gone():
            for path in sorted((p for p, _, _ in os.walk(self.path)), reverse=True):
                try:
                    os.rmdir(path)
                except OSError:
                    return False
            return True
        wait(gone, 10, lambda: f"the group is empty: {self.below()!r}")


def delegated():
    """A new group of version 2 that can be ended as a whole; skips the test where there is none."""
    root = mounted()
    if not root:
        pytest.skip("no control groups of version 2 here")
    try:
        group = Delegated(root, False)
    except OSError as e:
        pytest.skip(f"no control groups may be made here: {e}")
    if not os.path.exists(os.path.join(group.path, "cgroup.kill")):
        group.close()
        pytest.skip("control groups have no cgroup.kill here (before Linux 5.14)")
    return group
