"""supd as a plain init: one command, its signals, its orphans, its exit status; by all three names."""
import os
import pty
import re
import shutil
import signal
import subprocess

import pytest

from harness.namespace import command_of, status_of
from harness.plaininit import FORWARDED, as_dumb_init, as_tini, own, signals_of
from harness.supervised import program, tool
from harness.waiting import wait

ALL = {"own": own, "tini": as_tini, "dumb-init": as_dumb_init}
STOPS = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)


def tale(*args):
    return [tool("sigtale"), *args]


def sh(script):
    return ["sh", "-c", script]


def fields(line):
    return dict(word.split("=", 1) for word in line.split()[1:])


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("script,status", [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)])
@pytest.mark.parametrize("pid1", [True, False])
def test_the_exit_status_is_the_commands(plain, name, script, status, pid1):
    assert plain(ALL[name]() + sh(script), pid1=pid1).status() == status


@pytest.mark.parametrize("name,statuses", [("own", (127, 126, 1)), ("tini", (127, 126, 1)), ("dumb-init", (2, 2, 2))])
def test_a_command_that_cannot_run(plain, name, statuses, tmp_path):
    os.chmod(tmp_path, 0o755)
    (tmp_path / "denied").write_text("x")
    (tmp_path / "broken").symlink_to("broken")
    for command, status, why in zip(("/no/such", str(tmp_path / "denied"), str(tmp_path / "broken")), statuses,
                                    ("No such file or directory", "Permission denied", "Too many levels of symbolic links")):
        one = plain(ALL[name]() + [command])
        assert one.status() == status
        assert f"{command}: {why}\n" in one.text("err")
        assert (name == "dumb-init") == one.text("err").startswith("[dumb-init] ")


@pytest.mark.parametrize("name", ["tini", "tini-static", "docker-init", "dumb-init"])
@pytest.mark.parametrize("how", [os.symlink, os.link])
def test_the_name_it_is_called_by(plain, name, how, tmp_path):
    source = program("supd")
    if os.stat(source).st_dev != os.stat(tmp_path).st_dev:  # a hard link stays in its file system
        source = shutil.copy(source, tmp_path / "supd")
    how(source, tmp_path / name)
    one = plain([str(tmp_path / name), "/no/such"])
    assert one.status() == (2 if name == "dumb-init" else 127)


@pytest.mark.parametrize("name", ALL)
def test_every_signal_is_passed_on(plain, name):
    one = plain(ALL[name]() + tale())
    one.wait_line("^start")
    sent = [n for n in FORWARDED if n != signal.SIGUSR2 and not (name != "own" and n in STOPS)]
    for n in sent:
        one.send(n)
        one.wait_line(f"^start-signal {n} ")
    one.send(signal.SIGUSR2)
    assert one.status() == 9
    assert [s[0] for s in signals_of(one.text())] == sent + [signal.SIGUSR2]


@pytest.mark.parametrize("name", ALL)
def test_a_queued_signal_keeps_its_value(plain, name):
    one = plain(ALL[name]() + tale())
    one.wait_line("^start")
    for value in (7, -1, 2**31 - 1):
        one.send(signal.SIGRTMIN + 3, value)
    wait(lambda: len(signals_of(one.text())) == 3, 10, one.text)
    assert signals_of(one.text()) == [(signal.SIGRTMIN + 3, -1, v) for v in (7, -1, 2**31 - 1)]


@pytest.mark.parametrize("argv,group", [
    (["supd", "--"], True), (["supd", "--single", "--"], False), (["supd", "--setsid", "--"], True),
    (["supd", "--as=tini"], False), (["supd", "--as=tini", "-g"], True),
    (["supd", "--as=dumb-init"], True), (["supd", "--as=dumb-init", "-c"], False)])
def test_who_gets_a_signal(plain, argv, group):
    one = plain([program(argv[0]), *argv[1:]] + tale("fork"))
    one.wait_line("^start")
    one.wait_line("^member")
    one.send(signal.SIGHUP)
    one.wait_line("^start-signal 1 ")
    one.send(signal.SIGWINCH)  # the first has reached everyone by the time the second reached one
    one.wait_line("^start-signal 28 ")
    if group:
        one.wait_line("^member-signal 28 ")
    assert [s[0] for s in signals_of(one.text(), "member")] == ([1, 28] if group else [])


@pytest.mark.parametrize("env,argv,group", [
    ({"TINI_KILL_PROCESS_GROUP": ""}, "--as=tini", True), ({"DUMB_INIT_SETSID": "0"}, "--as=dumb-init", False)])
def test_the_environment_decides_too(plain, env, argv, group):
    one = plain([program("supd"), argv] + tale("fork"), env=env)
    one.wait_line("^start")
    one.wait_line("^member")
    one.send(signal.SIGHUP)
    one.wait_line("^start-signal 1 ")
    if group:
        one.wait_line("^member-signal 1 ")
    one.send(signal.SIGUSR2)
    assert one.status() == 9
    assert bool(signals_of(one.text(), "member")) == group


@pytest.mark.parametrize("argv,leads", [
    (["supd", "--"], "group"), (["supd", "--setsid", "--"], "session"), (["supd", "--as=tini"], "group"),
    (["supd", "--as=dumb-init"], "session"), (["supd", "--as=dumb-init", "-c"], "nothing")])
def test_what_the_command_leads(plain, argv, leads, tmp_path):
    one = plain([program(argv[0]), *argv[1:]] + tale(), cwd=str(tmp_path))
    one.wait_line("^start")
    start = fields(one.lines("start")[0])
    assert (start["pid"] == start["pgid"]) == (leads != "nothing")
    assert (start["pid"] == start["sid"]) == (leads == "session")
    assert start["cwd"] == str(tmp_path)
    # the file, not its name: where the tests run in a chroot, a link of another namespace shows all of the path
    assert os.path.samefile(f"/proc/{one.pid}/cwd", tmp_path if "tini" in argv[-1] else "/")


IGNORING = ["env", "--ignore-signal=HUP,CHLD,PIPE", "--block-signal=USR1,TERM"]


@pytest.mark.parametrize("name", ALL)
def test_the_inherited_mask_and_ignored_signals(plain, name):
    one = plain(ALL[name]() + tale(), prefix=IGNORING)
    one.wait_line("^start")
    start = fields(one.lines("start")[0])
    bits = lambda *sigs: sum(1 << (s - 1) for s in sigs)  # noqa: E731
    mask, ignored = int(start["mask"], 16), int(start["ignored"], 16)
    kept = name != "dumb-init"
    assert mask == (bits(signal.SIGUSR1, signal.SIGTERM) if kept else 0)
    assert ignored & bits(signal.SIGHUP, signal.SIGCHLD) == (bits(signal.SIGHUP, signal.SIGCHLD) if kept else 0)


@pytest.mark.parametrize("name", ALL)
def test_sigchld_ignored_at_entry(plain, name):
    assert plain(ALL[name]() + sh("exit 3"), prefix=IGNORING).status() == 3


@pytest.mark.parametrize("pid1", [True, False])
def test_nothing_is_left_behind(plain, pid1):
    """A member of the group and an escaped session end by TERM before we exit, one that ignores it by KILL."""
    one = plain([program("supd"), "--grace", "300ms", "--"] + sh(
        f"{tool('sigtale')} escape & sleep 1000 & setsid sleep 1001 & exec {tool('sigtale')} >&2"), pid1=pid1)
    one.wait_line("^escaped")
    one.wait_line("^start", name="err")
    wait(lambda: sum(command_of(p).startswith("sleep 100") for p in one.ns.pids()) == 2, 10)
    command = next(p for p in one.ns.pids() if command_of(p) == tool("sigtale"))
    os.kill(command, signal.SIGUSR2)
    assert one.status() == 9
    assert [s[0] for s in signals_of(one.text(), "escaped")] == [signal.SIGTERM]
    if not pid1:
        assert len(one.ns.pids()) == 1  # the small init above it


@pytest.mark.parametrize("pid1", [True, False])
def test_a_second_term_shortens_the_wait(plain, pid1):
    one = plain([program("supd"), "--grace", "1h", "--"] + tale("escape"), pid1=pid1)
    one.wait_line("^escaped")
    one.wait_line("^start")
    one.send(signal.SIGUSR2)
    one.wait_line(f"^escaped-signal {int(signal.SIGTERM)} ")
    one.send(signal.SIGTERM)
    assert one.status(5) == 9


def test_orphans_are_reaped(plain):
    one = plain(own() + sh("for i in $(seq 50); do (sleep 0.0$i & ) ; done; echo made; exec sleep 1000"))
    one.wait_line("^made")
    wait(lambda: len(one.ns.pids(zombies=True)) == 2, 10, lambda: [command_of(p) for p in one.ns.pids(True)])


def test_a_flood_of_orphans_does_not_hide_a_term(plain):
    one = plain(own() + ["perl", "-e", '$SIG{TERM} = sub { print "term\\n"; exit 4 }; $| = 1; print "up\\n";'
                         'while (1) { my $p = fork; if ($p == 0) { fork; exit 0 } waitpid($p, 0) }'])
    one.wait_line("^up")
    before = one.switches()
    wait(lambda: one.switches() - before > 500, 10)
    one.send(signal.SIGTERM)
    assert one.status(5) == 4


def test_it_sleeps(plain):
    one = plain(own() + ["sleep", "1000"])
    wait(lambda: any(command_of(p) == "sleep 1000" for p in one.ns.pids()), 10)
    seen = [None]
    wait(lambda: seen.append(one.switches()) or seen[-1] == seen[-2], 10, every=0.3)  # its start is over
    tasks = os.listdir(f"/proc/{one.pid}/task")
    before = one.switches()
    fds = {fd: os.readlink(f"/proc/{one.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{one.pid}/fd")}
    with pytest.raises(AssertionError):
        wait(lambda: one.switches() != before, 3)
    assert len(tasks) == 1 and set(fds) == {"0", "1", "2"}


def memory_of(one):
    """KiB of an init whose command runs: {"Pss": ..., "Rss": ..., "Private_Dirty": ...}."""
    wait(lambda: any(command_of(p) == "sleep 1000" for p in one.ns.pids()), 10)
    seen = [None]
    wait(lambda: seen.append(one.switches()) or seen[-1] == seen[-2], 10, every=0.3)
    with open(f"/proc/{one.pid}/smaps_rollup", encoding="ascii") as f:
        return {m[0]: int(m[1]) for m in re.findall(r"^(\w+): +(\d+) kB$", f.read(), re.M)}


@pytest.mark.release
def test_what_memory_it_takes(plain):
    """Hardly more than tini, at the same moment; and supd-init, with all of its libc, is small."""
    worlds = {name: plain(words + ["sleep", "1000"]) for name, words in (
        ("supd", own()), ("static", [program("supd-init"), "--"]), ("tini", ["tini", "--"]))
        if name != "tini" or shutil.which("tini")}
    found = {name: memory_of(one) for name, one in worlds.items()}
    assert found["supd"]["Private_Dirty"] <= 160 and found["static"]["Rss"] <= 900, found
    assert "tini" not in found or found["supd"]["Pss"] <= 1.15 * found["tini"]["Pss"], found


@pytest.mark.parametrize("name", ALL)
def test_closed_and_full_descriptors(plain, name):
    assert plain(ALL[name]() + sh("exit 6"), prefix=["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]).status() == 6


def test_a_full_stderr_does_not_hold_it(plain):
    """Messages for which there is no room are dropped."""
    full = ("import os, sys\nr, w = os.pipe()\nos.set_blocking(w, False)\n"
            "try:\n    while True: os.write(w, b'x' * 4096)\nexcept BlockingIOError: pass\n"
            "os.set_blocking(w, True)\nos.dup2(w, 2)\nos.set_inheritable(r, True)\nos.execv(sys.argv[1], sys.argv[1:])")
    one = plain([program("supd"), "--verbose", "--verbose", "--"] + tale(), prefix=["python3", "-c", full])
    one.wait_line("^start")
    one.send(signal.SIGUSR2)
    assert one.status() == 9


def test_a_signal_that_may_not_be_sent(plain):
    """Without CAP_KILL a command of another user cannot be signalled: said once, and life goes on."""
    one = plain(["setpriv", "--bounding-set", "-kill", "--inh-caps", "-kill", program("supd"), "--as=tini", "-s",
                 "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *tale()])
    one.wait_line("^start")
    for _ in range(3):
        one.send(signal.SIGUSR1)
        one.wait_line("cannot pass signal 10 on", name="err")
    subprocess.run(["kill", "-USR2", str(next(p for p in one.ns.pids() if p != one.pid))], check=True)
    assert one.status() == 9
    assert one.text("err").count("cannot pass") == 1


@pytest.mark.parametrize("name", ALL)
def test_a_fork_that_fails_at_the_start(plain, name):
    one = plain(["setpriv", "--reuid", "54321", "--clear-groups", "prlimit", "--nproc=1", *ALL[name](), "true"],
                pid1=False)
    assert one.status() == 1
    assert "cannot start true: Resource temporarily unavailable" in one.text("err")


class TestTini:
    @pytest.mark.parametrize("options,code,status", [
        ("-e 143", 143, 0), ("-e 143", 0, 0), ("-e 143", 1, 1), ("-e 1 -e 2", 2, 0), ("-e 0", 0, 0), ("-e 255", 255, 0)])
    def test_remapped_status(self, plain, options, code, status):
        assert plain(as_tini() + options.split() + sh_after_dashes(f"exit {code}")).status() == status

    @pytest.mark.parametrize("options", ["-e 256", "-e -1", "-e x", "-e", "-p TERM", "-p SIGNO", "-x"])
    def test_wrong_options(self, options):
        out = subprocess.run(as_tini() + options.split(), capture_output=True, text=True, timeout=10, check=False)
        assert out.returncode == 1 and out.stderr and not out.stdout

    def test_help_and_version(self):
        ask = lambda *a: subprocess.run(as_tini() + list(a), capture_output=True, text=True, timeout=10, check=False)  # noqa: E731
        version, help_, none = ask("--version"), ask("-h"), ask()
        assert version.returncode == 0 and version.stdout.startswith("tini version ") and not version.stderr
        assert help_.returncode == 0 and "Usage:" in help_.stdout and not help_.stderr
        assert none.returncode == 1 and "Usage:" in none.stderr and not none.stdout

    def test_parent_death(self, plain):
        """-p: its parent dies, and it follows."""
        one = plain(["sh", "-c", f"{program('supd')} --as=tini -s -p SIGTERM {tool('sigtale')} & wait"], pid1=False)
        one.wait_line("^start")
        shell = next(p for p in one.ns.pids() if command_of(p).startswith("sh -c"))
        os.kill(shell, signal.SIGKILL)
        one.wait_line("^start-signal 15 ")

    @pytest.mark.parametrize("args,env,warns", [([], {}, True), (["-s"], {}, False), ([], {"TINI_SUBREAPER": ""}, False),
                                                ([], {"TINI_VERBOSITY": "0"}, False)])
    def test_the_warning_of_one_who_does_not_reap(self, plain, args, env, warns):
        one = plain(as_tini() + args + ["true"], pid1=False, env=env)
        assert one.status() == 0
        assert ("neither PID 1 nor a subreaper" in one.text("err")) == warns

    def test_names_what_it_reaps(self, plain):
        one = plain(as_tini() + ["-w", "--"] + sh("(sh -c 'exit 0' &); sleep 0.5"))
        assert one.status() == 0
        assert "Reaped zombie process with pid=" in one.text("err")

    def test_leaves_at_once(self, plain):
        one = plain(as_tini() + tale("escape"))
        one.wait_line("^escaped")
        one.wait_line("^start")
        one.send(signal.SIGUSR2)
        assert one.status(5) == 9
        assert not signals_of(one.text(), "escaped")


def sh_after_dashes(script):
    return ["--", "sh", "-c", script]


class TestDumbInit:
    @pytest.mark.parametrize("rewrite,sent,got", [("1:10", 1, 10), ("1:0", 1, None), ("20:10", 20, 10), ("1:10", 10, 10)])
    def test_rewritten_signals(self, plain, rewrite, sent, got):
        one = plain(as_dumb_init() + ["-r", rewrite, "-r", "10:10"] + tale())
        one.wait_line("^start")
        one.send(sent)
        if sent == signal.SIGTSTP:
            one.wait_line("^start-signal 10 ")
            one.send(signal.SIGCONT)
        one.send(signal.SIGUSR2)
        assert one.status() == 9
        assert [s[0] for s in signals_of(one.text()) if s[0] not in (signal.SIGUSR2, signal.SIGCONT)] == ([got] if got else [])

    @pytest.mark.parametrize("rewrite", ["", "1", "1:", ":1", "1:2x", "32:1", "1:32", "0:1", "-1:2", "a:b"])
    def test_wrong_rewriting(self, rewrite):
        out = subprocess.run(as_dumb_init() + ["-r", rewrite, "true"], capture_output=True, text=True, timeout=10, check=False)
        assert out.returncode == 1 and out.stderr

    def test_unknown_option(self):
        out = subprocess.run(as_dumb_init() + ["--nonsense", "true"], capture_output=True, text=True, timeout=10, check=False)
        assert out.returncode == 1 and len(out.stderr.splitlines()) == 1

    def test_help_and_version(self):
        ask = lambda *a: subprocess.run(as_dumb_init() + list(a), capture_output=True, text=True, timeout=10, check=False)  # noqa: E731
        assert (ask("-h").returncode, ask("-h").stdout) == (0, "") and "Usage:" in ask("-h").stderr
        assert ask("-V").returncode == 0 and ask("--version").stderr.startswith("dumb-init v")
        assert ask().returncode == 1

    def test_terminal_stops(self, plain):
        """The group gets STOP, we stop; CONT resumes both."""
        one = plain(as_dumb_init() + tale(), pid1=False)
        one.wait_line("^start")
        pids = [one.pid, next(p for p in one.ns.pids() if p not in (one.pid, one.ns.init))]
        for sig in STOPS:
            one.send(sig)
            wait(lambda: [status_of(p, "State")[0] for p in pids] == ["T", "T"], 10)
            one.send(signal.SIGCONT)
            wait(lambda: [status_of(p, "State")[0] for p in pids] == ["S", "S"], 10)
        one.send(signal.SIGUSR2)
        assert one.status() == 9

    def test_each_step_is_told(self, plain):
        one = plain(as_dumb_init() + ["-v"] + tale())
        one.wait_line("^start")
        one.send(signal.SIGUSR2)
        assert one.status() == 9
        lines = one.text("err").splitlines()
        assert len(lines) >= 3 and all(line.startswith("[dumb-init] ") for line in lines)

    def test_the_group_gets_term_at_the_end(self, plain):
        one = plain(as_dumb_init() + tale("fork"), pid1=False)
        one.wait_line("^start")
        one.wait_line("^member")
        command = int(fields(one.lines("start")[0])["pid"])
        one.ns.kill(command, signal.SIGUSR2)
        assert one.status(5) == 9
        one.wait_line("^member-signal 15 ")


class TestTerminal:
    """On a terminal of its own."""

    def open(self, plain, argv):
        self.master, slave = pty.openpty()
        one = plain(["setsid", "--ctty", "--", *argv], stdin=slave)
        os.close(slave)
        return one

    @pytest.mark.parametrize("name", ALL)
    def test_the_command_is_in_the_foreground(self, plain, name):
        one = self.open(plain, ALL[name]() + tale())
        one.wait_line("^start")
        start = fields(one.lines("start")[0])
        assert start["fg"] == start["pgid"]
        os.write(self.master, b"\x03")
        one.wait_line("^start-signal 2 ")
        one.send(signal.SIGHUP)  # neither it nor CONT came from the terminal that changed hands
        one.wait_line("^start-signal 1 ")
        assert [s[0] for s in signals_of(one.text())] == [2, 1]
        os.close(self.master)

    def test_settings_come_back(self, plain):
        import termios
        self.master, slave = pty.openpty()
        before = termios.tcgetattr(slave)
        one = plain(["setsid", "--ctty", "--", *own(), *sh("stty raw -echo; kill -9 $$")], stdin=slave)
        assert one.status() == 137
        assert termios.tcgetattr(slave) == before
        os.close(slave)
        os.close(self.master)
