"""Commands beside programs: hooks, stop_command, reload_command and reload_signal."""
import re

import pytest

from harness.beacon import conf, program, record, starts, wait_record
from harness.namespace import command_of
from harness.upgrading import crash, upgrade

QUIET = {"startsecs": 0}


def noting(what="$SUPD_COMMAND $SUPD_NAME", to="notes"):
    """A command that writes one line to a file of the private folder."""
    return f"/bin/sh -c 'echo {what} >>%(here)s/{to}'"


def notes(s, name="notes"):
    return s.read(name).splitlines()


def wait_notes(s, count, name="notes", timeout=20):
    s.wait(lambda: len(notes(s, name)) >= count, timeout, lambda: f"{count} notes; there are {notes(s, name)}; "
           f"log:\n{s.log_text()}")
    return notes(s, name)


# ---- hooks ----

def test_what_happens_is_told_in_order_and_with_its_facts(sup):
    """The whole life of an instance: each hook sees who, which pid, why and how it ended."""
    say = noting("$SUPD_COMMAND name=$SUPD_NAME prog=$SUPD_PROGRAM pid=$SUPD_PID state=$SUPD_STATE "
                 "restarts=$SUPD_RESTARTS starts=$SUPD_STARTS code=$SUPD_EXIT_CODE sig=$SUPD_EXIT_SIGNAL "
                 "expected=$SUPD_EXIT_EXPECTED own=$MINE status=[$SUPD_EXIT_STATUS] why=[$SUPD_REASON]")
    s = sup(conf(program("a", **QUIET, autorestart="true", environment="MINE=yes", hook_start=say,
                         hook_ready=say, hook_exit=say)))
    first = wait_record(s, "a", "start")[0].pid
    wait_notes(s, 2)
    s.kill(first)
    second = wait_record(s, "a", "start", 2)[1].pid
    got = wait_notes(s, 5)
    common = "name=a prog=a pid={} state={} restarts={} starts={}"
    assert got[0].startswith("hook_start " + common.format(first, "STARTING", 0, 1)), got
    assert got[1].startswith("hook_ready " + common.format(first, "RUNNING", 0, 1)), got
    assert got[2].startswith("hook_exit " + common.format(first, "STARTING", 0, 1)), got
    assert "code= sig=KILL expected=0 own=yes status=[terminated by SIGKILL]" in got[2]
    assert got[3].startswith("hook_start " + common.format(second, "STARTING", 1, 2)), got
    s.ok("stop", "a")
    got = wait_notes(s, 6)
    assert "code=0 sig= expected=1" in got[5] and "why=[" in got[5], got
    s.wait(lambda: s.ask("stats")[1]["hooks_run"] == 6)  # it is counted at its end


def test_fatal(sup):
    """Told once, when it is given up, with the last exit; a shutdown is no reason for it."""
    say = noting("$SUPD_COMMAND $SUPD_STATE tries=$SUPD_TRIES $SUPD_EXIT_STATUS")
    s = sup(conf(program("bad", "run=1 exit=3", startretries=1, backoff="50ms", hook_fatal=say),
                 program("waits", "run=1 exit=3", backoff="1h", hook_fatal=say)))
    s.wait_state("bad", "FATAL")
    s.wait_state("waits", "BACKOFF")
    assert s.stop() == 0
    assert [re.sub(r"tries=\d ", "", n) for n in notes(s)] == ["hook_fatal FATAL exit status 3"]


@pytest.mark.caps
def test_a_hook_is_the_program_s_own(sup, open_dir):
    """Its user, folder, limits and environment; what it prints is in the program's log."""
    folder = open_dir()
    say = "/bin/sh -c 'echo out $(id -u) $(pwd) $(ulimit -n) $MINE; echo err >&2'"
    s = sup(conf(program("a", **QUIET, user=65534, directory=str(folder), limit_nofile=77,
                         environment="MINE=own", hook_ready=say, command="/bin/sleep 1000",
                         stdout_logfile="%(here)s/out.log", stderr_logfile="%(here)s/err.log")))
    s.wait_file("out.log", rf"^out 65534 {folder} 77 own$")
    s.wait_file("err.log", r"^err$")


def sleepers(s):
    """The pids of what runs inside and is called sleep."""
    return [p for p in s.pids if command_of(p).startswith("sleep ")]


def test_one_that_hangs_is_killed_with_what_it_started(sup):
    s = sup(conf(program("a", **QUIET, hook_timeout="300ms",
                         hook_ready="/bin/sh -c 'sleep 1000 & exec sleep 1000'")))
    s.wait_log(r"WARN a: hook_ready failed: it took more than 300ms and was killed")
    s.wait(lambda: not sleepers(s), what=lambda: f"no sleep runs; {sleepers(s)}")
    assert s.ask("stats")[1]["hooks_failed"] == 1 and s.state("a") == "RUNNING"


def test_what_it_leaves_in_its_group_is_killed(sup):
    s = sup(conf(program("a", **QUIET, hook_ready="/bin/sh -c 'sleep 1000 & echo >>%(here)s/notes'")))
    wait_notes(s, 1)
    s.wait(lambda: s.ask("stats")[1]["hooks_run"] == 1)
    s.wait(lambda: not sleepers(s), what=lambda: f"no sleep runs; {sleepers(s)}")


@pytest.mark.parametrize("pid1", [True, False])
def test_who_ends_what_a_program_left_spares_its_hook(sup, pid1):
    """A hook carries its program's mark, and so does what it starts: neither was left behind by the program."""
    left = "(trap \"\" TERM; exec setsid sleep 4711) & exec sleep 1000"
    hook = "(setsid sleep 0.6; echo inner >>%(here)s/notes) & (sleep 0.7; :) & sleep 0.8; echo outer >>%(here)s/notes"
    s = sup(conf(program("a", **QUIET, command=f"/bin/sh -c '{left}'", stopwaitsecs=2,
                         hook_exit=f"/bin/sh -c '{hook}'")), pid1=pid1)
    s.wait(lambda: any(command_of(p) == "sleep 4711" for p in s.pids), what="it left one")
    s.ok("stop", "a")
    assert not [p for p in s.pids if command_of(p) == "sleep 4711"]
    assert wait_notes(s, 2) == ["inner", "outer"]
    assert s.ask("stats")[1]["hooks_failed"] == 0


def test_one_that_fails_is_said(sup):
    s = sup(conf(program("a", **QUIET, hook_start="/bin/sh -c 'exit 4'", hook_ready="/no/such --option")))
    s.wait_log(r"WARN a: hook_start failed: exit status 4")
    s.wait_log(r"WARN a: hook_ready failed: .*/no/such.*(No such file|can't find|cannot)")
    assert s.state("a") == "RUNNING"


def test_many_at_once_are_no_fork_storm(sup):
    """Two hundred processes end at the same time: eight hooks run at once, and all of them run."""
    count = 200
    hook = "/bin/sh -c 'echo + >>%(here)s/live; sleep 0.05; echo - >>%(here)s/live'"
    s = sup(conf(program("many", command="/bin/sleep 1000", numprocs=count, autorestart="false",
                         process_name="%(program_name)s_%(process_num)03d",
                         hook_exit=hook, **QUIET)))
    s.wait(lambda: all(r["state"] == "RUNNING" for r in s.status().values()), 30)
    s.ok("signal", "KILL", "many:*")
    wait_notes(s, 2 * count, "live", 40)
    live = most = 0
    for line in notes(s, "live"):
        live += 1 if line == "+" else -1
        most = max(most, live)
    assert 2 <= most <= 8
    stats = s.ask("stats")[1]
    assert (stats["hooks_run"], stats["hooks_lost"], stats["orphans"]) == (count, 0, 0)


def test_those_that_have_no_room_are_said(sup):
    """A process that is restarted again and again, with a hook that never ends."""
    s = sup(conf(program("a", **QUIET, hook_start="/bin/sleep 1000", hook_timeout="1h")))
    s.expect_log(r"hook_start is not run", r"\d+ hooks in all were not run")
    wait_record(s, "a", "start")
    for n in range(20):
        s.ask("restart", "a", "wait=0")
        wait_record(s, "a", "start", n + 2)
    s.wait_log(r"ERRO a: hook_start is not run: 16 hooks of this process wait already")
    assert s.ask("stats")[1]["hooks_lost"] >= 3
    assert s.stop() == 0  # nor does a shutdown wait for them
    s.wait_log(r"1 commands beside programs are cut short, 16 are not run")


def test_a_shutdown_waits_for_hooks_about_the_last_ends(sup):
    """... but not longer than shutdown_timeout allows."""
    slow = "/bin/sh -c 'sleep 0.3; echo $SUPD_NAME >>%(here)s/notes'"
    s = sup(conf(program("a", **QUIET, hook_exit=slow), program("b", **QUIET, hook_exit=slow)))
    wait_record(s, "a", "start")
    wait_record(s, "b", "start")
    assert s.stop() == 0
    assert sorted(notes(s)) == ["a", "b"]


def test_a_shutdown_waits_for_no_other_hooks(sup):
    """What was to be said about a start is of no use any more, and stands in the way of what is."""
    s = sup(conf(program("a", **QUIET, hook_start="/bin/sleep 1000", hook_timeout="1h", hook_exit=noting())))
    wait_record(s, "a", "start")
    assert s.stop() == 0
    assert notes(s) == ["hook_exit a"]
    s.wait_log(r"1 commands beside programs are cut short, 0 are not run")


def test_a_hook_that_hangs_does_not_hold_up_the_shutdown(sup):
    s = sup(conf(program("a", **QUIET, hook_exit="/bin/sleep 1000", hook_timeout="1h"),
                 supd="shutdown_timeout=500ms"))
    wait_record(s, "a", "start")
    assert s.stop(timeout=15) == 0
    s.wait_log(r"1 commands beside programs are cut short, 0 are not run")


def test_an_upgrade_goes_on_with_them(sup):
    """One runs, one waits behind it; another supd takes over; both run to their end, once."""
    slow = "/bin/sh -c 'echo begin >>%(here)s/notes; while [ ! -e %(here)s/go ]; do sleep 0.05; done; " \
           "echo $SUPD_COMMAND >>%(here)s/notes'"
    s = sup(conf(program("a", **QUIET, hook_start=slow, hook_ready=noting("$SUPD_COMMAND"))))
    wait_notes(s, 1)
    upgrade(s)
    s.write("go", "")
    assert wait_notes(s, 3) == ["begin", "hook_start", "hook_ready"]
    s.wait(lambda: s.ask("stats")[1]["hooks_run"] == 2)
    assert s.ask("stats")[1]["orphans"] == 0


@pytest.mark.release
def test_a_crash_goes_on_with_them(sup):
    slow = "/bin/sh -c 'echo begin >>%(here)s/notes; while [ ! -e %(here)s/go ]; do sleep 0.05; done; " \
           "echo $SUPD_COMMAND >>%(here)s/notes'"
    s = sup(conf(program("a", **QUIET, hook_start=slow, hook_ready=noting("$SUPD_COMMAND"),
                         stop_command=slow, stop_command_timeout="1h")))
    wait_notes(s, 1)
    crash(s)
    s.write("go", "")
    assert wait_notes(s, 3) == ["begin", "hook_start", "hook_ready"]
    s.run("rm", s.path("go"))
    s.ask("stop", "a", "wait=0")
    wait_notes(s, 4)
    crash(s)
    assert s.state("a") == "STOPPING" and not record(s, "a", "SIGTERM")
    s.write("go", "")
    s.wait_state("a", "STOPPED")
    assert len(record(s, "a", "SIGTERM")) == 1
    assert s.ask("stats")[1]["orphans"] == 0


def test_a_reload_changes_them_without_a_restart(sup):
    s = sup(conf(program("a", **QUIET, hook_exit=noting("old"))))
    wait_record(s, "a", "start")
    s.write("supd.conf", conf(program("a", **QUIET, hook_exit=noting("new"), hook_ready=noting("up"))))
    s.ok("reload")
    assert len(starts(s, "a")) == 1 and notes(s) == []
    s.ok("restart", "a")
    assert wait_notes(s, 2) == ["new", "up"]
    s.write("supd.conf", conf())  # the program goes; its end is told all the same
    s.ok("reload")
    assert wait_notes(s, 3)[2] == "new"


# ---- stop_command ----

def test_stop_command_comes_before_the_signal(sup):
    """The signal follows at once when it has ended."""
    s = sup(conf(program("a", **QUIET, stop_command=noting("$SUPD_COMMAND $SUPD_PID $SUPD_STATE"))))
    pid = wait_record(s, "a", "start")[0].pid
    s.ok("stop", "a")
    assert notes(s) == [f"stop_command {pid} STOPPING"]
    assert [e.what for e in record(s, "a") if e.what != "SIGCONT"] == ["start", "SIGTERM", "end"]


def test_stop_command_that_stops_it_needs_no_signal(sup):
    """And the next start waits for its last words."""
    end = "/bin/sh -c 'kill -INT $SUPD_PID; while kill -0 $SUPD_PID 2>/dev/null; do sleep 0.02; done; sleep 0.3; " \
          "echo over >>%(here)s/notes'"
    s = sup(conf(program("a", **QUIET, stop_command=end, hook_start=noting("$SUPD_COMMAND"))))
    wait_notes(s, 1)
    wait_record(s, "a", "start")
    s.ok("restart", "a")
    assert wait_notes(s, 3) == ["hook_start", "over", "hook_start"]
    wait_record(s, "a", "start", 2)
    assert [e.what for e in record(s, "a") if e.what != "SIGCONT"] == ["start", "SIGINT", "end", "start"]


@pytest.mark.parametrize("command, log", [
    ("/bin/sh -c 'exit 3'", "exit status 3"),
    ("/no/such", "No such file|can't find|cannot"),
    ("/bin/sleep 1000", "it took more than 400ms and was killed")])
def test_stop_command_that_fails_or_hangs(sup, command, log):
    """The stop goes on with signals, and KILL behind them."""
    s = sup(conf(program("a", "ignore=TERM", **QUIET, stop_command=command, stop_command_timeout="400ms",
                         stopsignals="TERM:200ms")))
    wait_record(s, "a", "start")
    s.ok("stop", "a")
    s.wait_log(rf"WARN a: stop_command failed: .*({log})")
    assert record(s, "a", "SIGTERM") and s.status()["a"]["exit"] == "terminated by SIGKILL"


def test_what_a_stop_says_meanwhile(sup):
    s = sup(conf(program("a", **QUIET, stop_command="/bin/sleep 1000", stop_command_timeout="1h")))
    wait_record(s, "a", "start")
    s.ask("stop", "a", "wait=0")
    text = s.ok("explain", "a")
    assert re.search(r"its stop_command runs, SIGTERM follows in .* at the latest", text), text
    s.send(15)  # and the time of a shutdown is bounded
    s.wait_log("received SIGTERM")
    s.hasten()
    assert s.wait_exit() == 0


# ---- reload NAME ----

def test_reload_of_a_program(sup):
    s = sup(conf(program("cmd", **QUIET, reload_command=noting("$SUPD_COMMAND $SUPD_PID")),
                 program("sig", **QUIET, reload_signal="USR1"),
                 program("bad", **QUIET, reload_command="/bin/sh -c 'exit 9'"),
                 program("slow", **QUIET, reload_command="/bin/sleep 1000", reload_timeout="300ms"),
                 program("none", **QUIET),
                 program("down", **QUIET, autostart="false", reload_signal="HUP")))
    for name in ("cmd", "sig", "bad", "slow", "none"):
        wait_record(s, name, "start")
    pid = s.status()["cmd"]["pid"]
    assert s.ok("reload", "cmd", "sig") == "sig: reloaded\ncmd: reloaded\n"
    wait_record(s, "sig", "SIGUSR1")
    assert notes(s) == [f"reload_command {pid}"]
    for name, code, text in [("bad", 1, "reload_command: exit status 9"),
                             ("slow", 1, "reload_command: it took more than 300ms and was killed"),
                             ("none", 1, "it has neither reload_command nor reload_signal"),
                             ("down", 7, "not running"), ("nosuch", 1, "no such process")]:
        done = s.ctl("reload", name)
        assert done.returncode == code and f"{name}: ERROR ({text}" in done.stderr, (done, s.log_text())
    assert len(starts(s, "cmd")) == 1
    assert s.ok("reload") == "configuration reloaded\n"  # without a name it is supd's own
