"""watchdog=: a program that gives no sign of life hangs, and is ended and started again."""
import os
import signal
import time

import pytest

from harness.beacon import conf
from harness.speaking import speak, speaker, touch, wait_touched
from harness.upgrading import crash, upgrade


def test_one_that_is_silent_is_ended_and_started_again(sup):
    s = speak(sup, "env", "ping:100", "stay", watchdog="2s", stdout_logfile="%(here)s/web.log")
    first = s.wait_state("web", "RUNNING")["pid"]
    s.wait_file("web.log", r"socket=@supd-notify-\w+ usec=2000000 pid=own")
    assert "Its watchdog wants a sign of life at least every 2s." in s.ok("explain", "web")
    touch(s, "silent")
    s.wait_log("watchdog: web has given no sign of life for 2s; ending it with SIGABRT")
    s.wait_log(r"exited: web \(terminated by SIGABRT \(missed its watchdog\); not expected\)")
    record = s.wait(lambda: s.status()["web"]["restarts"] and s.status()["web"])
    assert record["pid"] != first
    assert (record["exit"], record["expected"]) == ("terminated by SIGABRT (missed its watchdog)", 0)


def test_the_stop_sequence_follows(sup):
    """One that ignores ABRT, and TERM; a success in the end would not make it one."""
    s = speak(sup, "ignore:ABRT", "ignore:TERM", "READY=1", "sleep:1000000", ready="notify", watchdog="200ms",
              stopsignals="TERM:300ms,INT:300ms,KILL", autorestart="false")
    s.wait_log("watchdog: web has given no sign of life for 200ms")
    assert s.wait_state("web", "EXITED")["why"] == "missed its watchdog"
    record = s.status()["web"]
    assert record["exit"] == "terminated by SIGINT (missed its watchdog)" and record["unexpected"] == 1
    assert "missed its watchdog and was ended" in s.ok("explain", "web")


def test_failures_are_counted(sup):
    s = speak(sup, "READY=1", "stay", ready="notify", watchdog="100ms", retry_window="1m", startretries=1)
    record = s.wait_state("web", "FATAL")
    assert record["why"] == "too many restarts within retry_window" and record["starts"] == 2


def test_it_says_itself_that_it_is_not_well(sup):
    s = speak(sup, "READY=1", "await:go", "WATCHDOG=trigger", "stay", ready="notify", autorestart="false")
    s.wait_state("web", "RUNNING")
    touch(s, "go")
    s.wait_log("watchdog: web says that it is not well")
    assert s.wait_state("web", "EXITED")["exit"] == "terminated by SIGABRT (missed its watchdog)"


def test_it_asks_for_a_watchdog_and_gives_it_up(sup):
    """WATCHDOG_USEC at run time; 0 is none."""
    s = speak(sup, "READY=1|WATCHDOG_USEC=0", "barrier", "touch:calm", "await:go", "WATCHDOG_USEC=100000", "stay",
              ready="notify", watchdog="1s", autorestart="false")
    wait_touched(s, "calm")
    s.wait(lambda: s.status()["web"]["uptime_ms"] > 1500)
    assert s.state("web") == "RUNNING"
    touch(s, "go")
    s.wait_state("web", "EXITED")


@pytest.mark.parametrize("how", [upgrade, pytest.param(crash, marks=pytest.mark.release)])
def test_it_goes_on_over_an_upgrade_and_a_fault(sup, how):
    s = sup(conf(speaker("good", "ping:100", watchdog="3s"),
                 speaker("bad", "READY=1", "stay", ready="notify", watchdog="3s", autorestart="false")))
    good = s.wait_state("good", "RUNNING")["pid"]
    s.wait_state("bad", "RUNNING")
    how(s)
    s.wait_state("bad", "EXITED")
    assert s.status()["good"]["pid"] == good


def test_what_stood_still_with_supd_has_its_time_again(sup):
    """A frozen container: nobody hangs, though nobody gave a sign of life for longer than it may."""
    s = speak(sup, "ping:100", watchdog="1500ms")
    first = s.wait_state("web", "RUNNING")["pid"]
    frozen = [*s.pids, s.pid]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + 2.8
    s.wait(lambda: time.monotonic() > end)
    for pid in reversed(frozen):  # supd first: the sign of life is still to come
        os.kill(pid, signal.SIGCONT)
    s.wait(lambda: s.status()["web"]["uptime_ms"] > 4800)
    assert s.status()["web"]["pid"] == first and "watchdog:" not in s.log_text()
