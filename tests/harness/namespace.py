"""Processes in a PID, mount and network namespace of their own, which end with the test."""
import contextlib
import os
import signal
import stat
import subprocess

from .waiting import wait

DOCKER_CAPS = ("chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw "
               "sys_chroot mknod audit_write setfcap").split()

# tests run from a folder that other users can get to, wherever the project lies: what closes it off
# (/root, usually) is covered, and the project laid on top;
# a private /run, a private folder where agents keep their state (any user's may, as if supd had made
# it), and a loopback that is up; then what was asked for takes this shell's place
INSIDE = """
if [ -n "$TEST_CLOSED" ]; then
    mount --bind "$TEST_ROOT" /run && mount -t tmpfs -o mode=755 tmpfs "$TEST_CLOSED" &&
        mkdir -p "$TEST_ROOT" && mount --move /run "$TEST_ROOT" && cd "$TEST_CWD" || exit 125
fi
unset TEST_CLOSED TEST_ROOT TEST_CWD
mount -t tmpfs -o mode=755 tmpfs /run || exit 125
mkdir -p /var/lib/supd && mount -t tmpfs -o mode=1777 tmpfs /var/lib/supd || exit 125
[ -z "$TEST_NET" ] || ip link set lo up || exit 125
[ -z "$TEST_BEFORE" ] || eval "$TEST_BEFORE" || exit 125
unset TEST_NET TEST_BEFORE
exec "$@"
"""


ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def closed_folder(path):
    """The topmost folder above path that other users may not enter, or ""."""
    above = path.split("/")
    for i in range(1, len(above)):
        folder = "/".join(above[:i + 1])
        if not os.stat(folder).st_mode & stat.S_IXOTH:
            return folder if folder != path else ""
    return ""


def capability_prefix(caps):
    """What cuts root down to docker's fourteen capabilities; nothing for caps=None."""
    if caps is None:
        return []
    assert caps == "docker", f"no such set of capabilities: {caps}"
    wanted = "-all," + ",".join("+" + c for c in DOCKER_CAPS)
    return ["setpriv", f"--bounding-set={wanted}", "--inh-caps=-all", "--ambient-caps=-all"]


def status_of(pid, field):
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
            for line in f:
                if line.startswith(field + ":"):
                    return line.split(":", 1)[1].split()
    except OSError:
        pass
    return []


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


class Namespace:
    """One command as PID 1 of its namespaces. Pids are those outside, except where said.

    before: shell text that runs inside first, with all capabilities (mounts, limits)."""

    def __init__(self, argv, *, env, cwd, stderr, stdout=None, stdin=subprocess.DEVNULL, net=True,
                 caps=None, before="", pass_fds=()):
        outer = ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--mount-proc",
                 "--kill-child", "--mount"] + (["--net"] if net else [])
        shell = ["sh", "-c", INSIDE, "sh"]
        env = dict(env, TEST_NET="1" if net else "", TEST_CLOSED=closed_folder(ROOT), TEST_ROOT=ROOT,
                   TEST_CWD=str(cwd or ROOT), TEST_BEFORE=before)
        self.proc = subprocess.Popen(outer + shell + capability_prefix(caps) + list(argv), env=env,
                                     cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr,
                                     pass_fds=pass_fds)
        self.init = wait(self._first_child, 10, "unshare has started its child")
        self.held = self._hold(self.init)
        self.id = self._pid_namespace(self.init)

    def _first_child(self):
        try:
            with open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children", encoding="ascii") as f:
                child = f.read().split()
        except OSError:
            child = []
        if child:
            return int(child[0])
        return None if self.proc.poll() is None else -1  # it was over before we looked

    @staticmethod
    def _hold(pid):
        """An open namespace keeps its number: no later one gets it while this object compares."""
        try:
            return os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None

    @staticmethod
    def _pid_namespace(pid):
        try:
            return os.readlink(f"/proc/{pid}/ns/pid")
        except OSError:
            return None

    def pids(self, zombies=False):
        """Everything that runs inside, PID 1 included."""
        found = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return [p for p in found if self.id and self._pid_namespace(p) == self.id
                and (zombies or status_of(p, "State")[:1] not in ([], ["Z"]))]

    def outer(self, inner):
        """The pid outside of a pid inside, or None."""
        for pid in self.pids(zombies=True):
            if status_of(pid, "NSpid")[-1:] == [str(inner)]:
                return pid
        return None

    def inner(self, outer):
        found = status_of(outer, "NSpid")
        return int(found[-1]) if found else None

    def kill(self, inner, sig=signal.SIGKILL):
        """Signals a process by its pid inside; False if there is none."""
        pid = self.outer(inner)
        if pid is None:
            return False
        os.kill(pid, sig)
        return True

    def enter(self, argv, **kw):
        """Runs argv inside and returns the CompletedProcess, text captured."""
        kw = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "timeout": 30,
              "stdin": subprocess.DEVNULL, **kw}
        if "input" in kw:
            del kw["stdin"]
        return subprocess.run(self.enter_command(argv), check=False, **kw)

    def enter_command(self, argv):
        # --root: the root of the one inside, where the tests themselves run in a chroot
        return ["nsenter", "-t", str(self.init), "--pid", "--mount", "--net", "--root",
                "--wdns=/"] + list(argv)

    def running(self):
        return self.proc.poll() is None

    def destroy(self):
        """Ends all of it at once: the kernel kills what is inside when PID 1 goes."""
        if self.running():
            with contextlib.suppress(ProcessLookupError):  # it has just ended, unshare follows
                os.kill(self.init, signal.SIGKILL)
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait(10)
        wait(lambda: not self.pids(), 10, lambda: f"gone: {[command_of(p) for p in self.pids()]}")
        if self.held is not None:
            os.close(self.held)
            self.held = None
