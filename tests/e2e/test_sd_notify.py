"""ready=notify: what a program says of itself on its NOTIFY_SOCKET, and who may say it."""
import re
import shutil

import pytest

from harness.beacon import conf
from harness.namespace import command_of
from harness.speaking import speak, speaker, touch, wait_touched
from harness.upgrading import crash, upgrade

READY = "await:go", "READY=1|STATUS=Listening on port 80", "stay"


@pytest.mark.caps
@pytest.mark.parametrize("user", ["root", "nobody"])
def test_it_is_running_when_it_says_ready(sup, user):
    s = speak(sup, *READY, ready="notify", user=user)
    assert s.wait_state("web", "STARTING")["pid"]
    s.wait_log("spawned: 'web'")
    assert s.state("web") == "STARTING"
    touch(s, "go")
    record = s.wait_state("web", "RUNNING")
    assert record["status_text"] == "Listening on port 80"
    assert "Listening on port 80" in s.ok("explain", "web")


def test_the_real_client(sup):
    """Debian's systemd-notify, which waits until its message was taken up."""
    assert shutil.which("systemd-notify"), "install the package systemd"
    script = "systemd-notify --ready --status=serving && echo told >>told; " \
             "systemd-notify --status=again RELOADING=1; echo $? >>told; while :; do sleep 1; done"
    s = sup(conf(f"[program:web]\ncommand=/bin/sh -c '{script}'\ndirectory=%(here)s\nready=notify\n"
                 "stopasgroup=true\n"))
    s.wait_state("web", "RUNNING")
    s.wait_file("told", r"told\n0\n")
    record = s.wait(lambda: s.status()["web"]["status_text"] == "again" and s.status()["web"])
    assert record["doing"] == "reloading"


def test_ready_once_more_ends_a_reload(sup):
    s = speak(sup, "READY=1", "await:go", "RELOADING=1|MONOTONIC_USEC=1", "await:done", "READY=1",
              "await:end", "STOPPING=1|STATUS=saving 3 jobs", "stay", ready="notify")
    assert "doing" not in s.wait_state("web", "RUNNING")
    touch(s, "go")
    s.wait(lambda: s.status()["web"].get("doing") == "reloading")
    assert "It says that it is reloading." in s.ok("explain", "web") and s.state("web") == "RUNNING"
    touch(s, "done")
    s.wait(lambda: "doing" not in s.status()["web"])
    touch(s, "end")
    s.wait(lambda: s.status()["web"].get("doing") == "stopping")
    assert s.status()["web"]["status_text"] == "saving 3 jobs"


def test_a_status_is_safe_to_show(sup):
    s = speak(sup, "READY=1|STATUS=\x1b[2J\x07red\x9b", "stay", ready="notify")
    s.wait_state("web", "RUNNING")
    assert s.status()["web"]["status_text"] == "?[2J?red?"
    assert "\x1b" not in s.ok("explain", "web") and "\x1b" not in s.ok("status", "web")


def test_its_last_words_are_heard(sup):
    """What it says right before its end: it was ready, and why it ended."""
    s = speak(sup, "READY=1|STATUS=cannot bind port 80", "exit:3", ready="notify", autorestart="false")
    record = s.wait_state("web", "EXITED")
    assert (record["exitcode"], record["status_text"]) == (3, "cannot bind port 80")
    assert 'The last that it said: "cannot bind port 80".' in s.ok("explain", "web")


def test_what_ends_before_it_is_ready_has_failed(sup):
    s = speak(sup, "STATUS=no disk", "exit:0", ready="notify", startretries=0)
    assert s.wait_state("web", "FATAL")["status_text"] == "no disk"


def test_ready_timeout_and_more_time(sup):
    """It is stopped when its time is over, which it may ask to be longer."""
    s = sup(conf(speaker("late", "stay", ready="notify", ready_timeout="300ms", startretries=0),
                 speaker("slow", "EXTEND_TIMEOUT_USEC=30000000", "barrier", "touch:asked", "await:go", "READY=1",
                         "stay", ready="notify", ready_timeout="20s", startretries=0)))
    s.wait_state("late", "FATAL")
    wait_touched(s, "asked")
    assert s.status()["slow"]["next_ms"] > 20000
    touch(s, "go")
    s.wait_state("slow", "RUNNING")


@pytest.mark.caps
def test_who_may_speak(sup):
    """Not another program, not its child when only the main process may."""
    s = sup(conf(speaker("web", "env", "await:go", "from-child", "READY=1", "stay", ready="notify",
                         stdout_logfile="%(here)s/web.log"),
                 speaker("strict", "from-child", "READY=1|STATUS=child", "barrier", "touch:refused", "await:go2",
                         "READY=1", "stay", ready="notify", notify_access="main")))
    name = s.wait_file("web.log", r"socket=(@supd-notify-[0-9a-f]{16}) usec=- pid=-").group(1)
    s.write("supd.conf", s.read("supd.conf") + speaker("thief", f"to={name}", "READY=1", "touch:tried", "stay"))
    s.ok("update")
    wait_touched(s, "tried")
    s.wait_log(r"web: a message of pid \d+, uid 0 is ignored: that is no process of it")
    wait_touched(s, "refused")
    s.wait_log(r"strict: a message of pid \d+, uid 0 is ignored: it is not its main process")
    assert (s.state("web"), s.state("strict")) == ("STARTING", "STARTING")
    touch(s, "go")
    touch(s, "go2")
    s.wait_state("web", "RUNNING")
    assert "status_text" not in s.wait_state("strict", "RUNNING")


def test_descriptors_are_closed_and_nobody_hangs(sup):
    """A barrier ends at once; what it wants kept is not, and that is said."""
    s = speak(sup, "fds", "fds", "barrier", "barrier", "READY=1", "barrier", "touch:through", "stay", ready="notify")
    wait_touched(s, "through")
    s.wait_log("web wants descriptors kept")
    assert s.state("web") == "RUNNING" and s.status()["web"]["status_text"] == "with descriptors"


def test_a_flood_does_not_hold_supd(sup):
    """Messages as fast as they come, some too long or no messages at all."""
    s = speak(sup, "READY=1", *["STATUS=" + "x" * 5000, "=|=|A=B", "STATUS=y"] * 60, "barrier", "touch:through",
              "stay", ready="notify")
    s.wait_state("web", "RUNNING")
    wait_touched(s, "through")
    assert s.status()["web"]["status_text"] == "y"
    s.wait_log(r"web: a message of pid \d+ is ignored: it is too long")


def test_mainpid(sup):
    """When the main process ends, the one that it named is the program; an upgrade lies between."""
    s = sup(conf("[program:web]\ncommand=/bin/sh -c 'sleep 1000 & systemd-notify --ready --pid=$!; "
                 "echo $! >child; while [ ! -e go ]; do sleep 0.05; done; exit 7'\n"
                 "directory=%(here)s\nready=notify\nstartsecs=0\n"))
    first = s.wait_state("web", "RUNNING")["pid"]
    child = int(s.wait_file("child", r"(\d+)\n").group(1))
    assert s.status()["web"]["main_pid"] == child
    upgrade(s)
    touch(s, "go")
    s.wait_log(rf"web: pid {first} has ended .*; its main process is {child} from now on")
    now = s.status()["web"]
    assert (now["pid"], now["state"], now["restarts"]) == (child, "RUNNING", 0)
    s.kill(child)
    s.wait(lambda: s.status()["web"]["restarts"] == 1)


def test_a_stop_goes_on_with_the_one_that_was_named(sup):
    """It has had no signal yet when the main process ends by the first one."""
    s = sup(conf("[program:web]\ncommand=/bin/sh -c 'sleep 1000 & systemd-notify --ready --pid=$!; "
                 "trap \"exit 0\" TERM; while :; do sleep 0.05; done'\n"
                 "ready=notify\nstopwaitsecs=60\norphans=keep\n"))
    s.wait_state("web", "RUNNING")
    s.wait(lambda: s.status()["web"].get("main_pid"))
    s.ok("stop", "web", timeout=30)
    assert s.status()["web"]["exit"] == "terminated by SIGTERM"
    assert "sleep 1000" not in map(command_of, s.pids)


@pytest.mark.parametrize("how", [upgrade, pytest.param(crash, marks=pytest.mark.release)])
def test_it_is_heard_over_an_upgrade_and_a_fault(sup, how):
    """Its socket stays, and what it said."""
    s = sup(conf(speaker("web", "STATUS=loading", "touch:said", *READY, ready="notify"),
                 speaker("old", "READY=1|STATUS=up", "RELOADING=1", "await:go", "READY=1", "stay", ready="notify")))
    wait_touched(s, "said")
    s.wait_state("old", "RUNNING")
    s.wait(lambda: s.status()["old"].get("doing"))
    before = s.status()
    how(s)
    now = s.status()
    assert (now["web"]["state"], now["web"]["status_text"]) == ("STARTING", "loading")
    assert (now["old"]["status_text"], now["old"]["doing"]) == ("up", "reloading")
    touch(s, "go")
    assert s.wait_state("web", "RUNNING")["pid"] == before["web"]["pid"]
    s.wait(lambda: "doing" not in s.status()["old"])


def test_each_run_has_a_socket_of_its_own(sup):
    """What one run leaves cannot speak for the next; supd's own NOTIFY_SOCKET is not handed down."""
    s = sup(conf(speaker("web", "env", "READY=1", "await:go", "exit:1", ready="notify", autorestart="true",
                         backoff_reset="1h", backoff="300ms", startretries=9, stdout_logfile="%(here)s/web.log")),
            env={"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"})
    s.wait_state("web", "RUNNING")
    touch(s, "go")
    s.wait_file("web.log", r"socket=@\S+ .*\n(.*\n)*socket=@")
    names = re.findall(r"socket=(\S+)", s.read("web.log"))
    assert len(set(names)) == len(names) > 1
