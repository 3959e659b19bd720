"""A start that fails names the step and the reason; a short supply of the system is no failure."""
import os
import pwd
import re
import subprocess

import pytest

from harness.beacon import conf, program, wait_record
from harness.waiting import wait

ERRORS = {  # name: (keys, the sentence)
    "folder": ({"directory": "/no/such"}, "cannot chdir to /no/such: No such file or directory"),
    "absent": ({"command": "/no/such/program"},
               "cannot execute /no/such/program: No such file or directory"),
    "unfound": ({"command": "no-such-program -x", "environment": 'PATH="/bin:/usr/bin"'},
                "can't find command 'no-such-program' (searched /bin:/usr/bin)"),
    "format": ({"command": "%(here)s/format"},
               "cannot execute {here}/format: Exec format error (no #! line?)"),
    "interp": ({"command": "%(here)s/interp"},
               "cannot execute {here}/interp: its interpreter is missing"),
    "mode": ({"command": "%(here)s/mode"},
             "cannot execute {here}/mode: Permission denied (no execute bit)"),
    "others": ({"command": "%(here)s/others", "user": "nobody"},
               "cannot execute {here}/others: Permission denied (not for this user, or a noexec mount)"),
    "isdir": ({"command": "%(here)s/san"},
              "cannot execute {here}/san: Is a directory"),
    "closed": ({"command": "%(here)s/closed/true", "user": "nobody"},
               "cannot execute {here}/closed/true: Permission denied (a folder on the way is closed)"),
    "quote": ({"command": "/bin/echo 'half"}, "can't parse command \"/bin/echo 'half\": No closing "
                                              "quotation"),
    "empty": ({"command": ""}, "command is empty"),
}


def failing(name):
    keys = {"autostart": "false", "startretries": 0, **ERRORS[name][0]}
    return program(name, command=keys.pop("command", "/bin/true") or " ", **keys)


@pytest.mark.caps
@pytest.mark.parametrize("pid1", [True, False])
def test_the_step_and_the_reason(sup, pid1):
    s = sup(conf(*(failing(n) for n in ERRORS)), pid1=pid1)
    for name, text, mode in (("format", "echo\n", 0o755), ("interp", "#!/no/such\n", 0o755),
                             ("mode", "#!/bin/sh\n", 0o644), ("others", "#!/bin/sh\n", 0o700)):
        os.chmod(s.write(name, text), mode)
    os.mkdir(s.path("closed"), 0o700)
    os.symlink("/bin/true", s.path("closed", "true"))
    for name, (_, sentence) in ERRORS.items():
        sentence = sentence.format(here=s.dir)
        done = s.ctl("start", name)
        assert done.returncode != 0, name
        assert sentence in done.stdout + done.stderr, name
        got = s.status(name)[name]
        assert got["state"] == "FATAL" and got["spawnerr"] == sentence and not got["pid"]
        assert sentence in s.ok("explain", name)
        s.wait_log(re.escape(f"spawnerr: {sentence}"))


@pytest.mark.parametrize("verb", ["start", "restart"])
def test_a_start_of_no_length_that_fails(sup, verb):
    """With startsecs=0 it is RUNNING before it is executed: what is answered waits for that."""
    s = sup(conf(*(failing(n) + "startsecs=0\n" for n in ("folder", "absent", "mode")),
                 program("good", startsecs=0, autostart="false"),
                 program("quick", command="/bin/true", startsecs=0, autostart="false", autorestart="false")))
    s.write("mode", "#!/bin/sh\n")
    for name in ("folder", "absent", "mode"):
        done = s.ctl(verb, name)
        assert done.returncode != 0 and ERRORS[name][1].format(here=s.dir) in done.stderr, done
    assert s.ok(verb, "good").startswith("good: ") and s.state("good") == "RUNNING"
    assert s.ok(verb, "quick").startswith("quick: ")  # it was executed, and that is all that is asked


@pytest.mark.parametrize("lost, sentence", [
    ("setuid", "cannot change to user 65534: Operation not permitted (CAP_SETUID is missing)"),
    ("setgid", "cannot set the supplementary groups: Operation not permitted (CAP_SETGID is missing, "
               "or the user namespace denies setgroups)"),
])
def test_a_missing_capability(sup, lost, sentence):
    prefix = ["setpriv", f"--bounding-set=-{lost}", f"--inh-caps=-{lost}"]
    s = sup(conf(program("a", user="nobody", autostart="false", startretries=0),
                 "[agent]\nuser=root\n"), prefix=prefix)
    done = s.ctl("start", "a")
    assert done.returncode != 0 and sentence in done.stdout + done.stderr


def test_a_program_being_written(sup):
    s = sup(conf(program("a", command="%(here)s/busy", autostart="false", startretries=0)))
    with open("/bin/true", "rb") as true, open(s.path("busy"), "wb") as busy:
        busy.write(true.read())
        os.chmod(s.path("busy"), 0o755)
        busy.flush()
        done = s.ctl("start", "a")
    assert "Text file busy (it is being written)" in done.stdout + done.stderr


def test_a_fixed_program_starts_at_the_next_retry(sup):
    s = sup(conf(program("a", "", directory="%(here)s/later", startsecs=0)))
    s.wait_state("a", "BACKOFF")
    os.mkdir(s.path("later"))
    got = s.wait_state("a", "RUNNING")
    assert got["restarts"] >= 1 and len(wait_record(s, "a", "start")) == 1


UID = 61234  # nobody else's, so that its count of processes is ours alone


def tasks_of(uid):
    """Threads count, too: as the kernel counts for RLIMIT_NPROC."""
    n = 0
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == uid:
                n += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            pass
    return n


def limit(s, what, value):
    """Sets a soft limit of the running supd, as its own user may."""
    own = os.stat(f"/proc/{s.pid}")
    subprocess.run(["setpriv", "--reuid", str(own.st_uid), "--regid", str(own.st_gid),
                    "--clear-groups", "prlimit", "--pid", str(s.pid),
                    f"--{what}={value}:"], check=True)


def start_later(s, name):
    """supctl start, which waits."""
    return subprocess.Popen(s.ns.enter_command(s.ctl_command("start", name)), env=s.env,
                            stdout=subprocess.DEVNULL)


def stays_waiting(s, name):
    """Refused several times over: not failed, nothing spent."""
    def refused():
        got = s.status()[name]
        if got["state"] == "STOPPED":
            return None  # supctl has not come that far
        assert (got["state"], got["tries"], got["starts"]) == ("STARTING", 0, 0), got
        return re.search(r"refused to create a process ([3-9]|\d\d) times", s.ok("explain", name))
    wait(refused, 20, lambda: f"refused: {s.ok('explain', name)}")


@pytest.mark.release
def test_no_process_left(sup):
    prefix = ["sh", "-c", f'chown {UID} "$TEST_DIR" && exec setpriv --reuid {UID} --regid {UID} '
                          '--clear-groups "$@"', "sh"]
    s = sup(conf(program("first", startsecs=0), program("more", startsecs=0, autostart="false",
                                                        startretries=0)), prefix=prefix)
    s.wait_state("first", "RUNNING")
    limit(s, "nproc", tasks_of(UID))
    waiting = start_later(s, "more")
    stays_waiting(s, "more")
    assert s.status()["first"]["state"] == "RUNNING"
    assert "Too many processes in process table" in s.ctl("status", "more").stdout
    assert s.status()["more"]["spawnerr"] == "Too many processes in process table to spawn 'more'"
    s.wait_log("WARN more: Too many processes in process table to spawn 'more'; it is tried again")
    limit(s, "nproc", 1000)
    assert waiting.wait(20) == 0
    got = s.wait_state("more", "RUNNING")
    assert (got["starts"], got["tries"], got["restarts"]) == (1, 0, 0)


@pytest.mark.release
def test_no_room_for_the_exec(sup):
    """A program's own user has as many processes as it may: the kernel says so only at the exec."""
    keys = {"user": "games", "autostart": "false", "startretries": 0}
    s = sup(conf(program("first", command="/bin/sleep 1000", startsecs=0, **keys),
                 program("more", command="/bin/sleep 1000", startsecs=2, **keys),
                 program("quick", command="/bin/sleep 1000", startsecs=0, **keys)))
    s.ok("start", "first")
    s.wait(lambda: tasks_of(pwd.getpwnam("games").pw_uid) > 0)
    limit(s, "nproc", 0)  # of which root takes no notice
    waiting = [start_later(s, name) for name in ("more", "quick")]
    sentence = "cannot execute /bin/sleep: Resource temporarily unavailable (the user's process limit " \
        "is used up)"
    for name in ("more", "quick"):
        s.wait(lambda n=name: re.search(r"refused to create a process ([3-9]|\d\d) times", s.ok("explain", n)))
        got = s.status()[name]
        assert (got["tries"], got["restarts"], got["fatals"]) == (0, 0, 0)
        assert got["spawnerr"] == sentence
        s.wait_log(re.escape(f"{name}: {sentence}; it is tried again until there is room"))
    limit(s, "nproc", 1000)
    assert [w.wait(20) for w in waiting] == [0, 0]
    for name in ("more", "quick"):
        got = s.wait_state(name, "RUNNING")
        assert (got["tries"], got["restarts"], got["fatals"]) == (0, 0, 0)
    said = re.findall(r"(\w+): .*it is tried again", s.log_text())
    assert sorted(said) == ["more", "quick"], "it is said once"


def test_its_own_limit_is_no_shortage(sup):
    s = sup(conf(program("a", command="/bin/sleep 1000", limit_nofile=1, oom_score_adj=100, autostart="false",
                         startretries=0)))
    assert s.ctl("start", "a").returncode != 0
    assert "Too many open files" in s.wait_state("a", "FATAL")["spawnerr"]


def limit_with_free(s, free):
    """The limit of descriptors under which supd has so many left, once no supctl is connected."""
    seen = []

    def steady():
        seen.append(sorted(os.listdir(f"/proc/{s.pid}/fd")))
        return seen[-1] if seen[-3:] == [seen[-1]] * 3 else None

    used = {int(fd) for fd in wait(steady, 10, "the descriptors stay the same", every=0.1)}
    unused = [fd for fd in range(len(used) + free + 1) if fd not in used]
    return unused[free - 1] + 1


@pytest.mark.release
def test_no_descriptor_left(sup):
    s = sup(conf(program("more", startsecs=0, autostart="false", startretries=0)))
    # one for the supctl that waits, one for the supctl that looks; a pipe for stdin needs two
    limit(s, "nofile", limit_with_free(s, 2))
    waiting = start_later(s, "more")
    stays_waiting(s, "more")
    s.wait_log("WARN more: too many open files to spawn 'more'; it is tried again")
    limit(s, "nofile", 1024)
    assert waiting.wait(20) == 0
    got = s.wait_state("more", "RUNNING")
    assert (got["starts"], got["tries"], got["restarts"]) == (1, 0, 0)
