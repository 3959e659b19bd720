"""What a program sends to event listeners between the capture marks, over upgrades and faults of supd: of a
capture that has begun nothing is lost and nothing comes twice, wherever it was in just that moment."""
import os
import signal

import pytest

from harness.listening import BEGIN, CONF, END, events, listener
from harness.upgrading import CRASHED, crash, upgrade

pytestmark = pytest.mark.release

BOTH = "PROCESS_COMMUNICATION,PROCESS_LOG"


def speaker(name="w", limit="1MB", **keys):
    """A program that writes what comes into its pipe NAME.say, as it comes."""
    keys = {"command": f"/bin/sh -c 'mkfifo %(here)s/{name}.say; exec cat <>%(here)s/{name}.say'", "stdout_capture_maxbytes": limit,
            "stdout_events_enabled": "true", "stdout_logfile": f"%(here)s/{name}.log", "startsecs": 0, **keys}
    return f"[program:{name}]\n" + "".join(f"{k}={v}\n" for k, v in keys.items())


def start(sup, *sections, names=("w",)):
    s = sup(CONF + "".join(sections))
    for name in names:
        s.wait(lambda name=name: os.path.exists(s.path(f"{name}.say")))
    return s


def say(s, text, name="w"):
    with open(s.path(f"{name}.say"), "w", encoding="ascii") as f:
        f.write(text)


def captures(s, name="l"):
    return [e["payload"].partition("\n")[2] for e in events(s, name)
            if e["eventname"].startswith("PROCESS_COMMUNICATION")]


def wait_captures(s, count, name="l", timeout=20):
    s.wait(lambda: len(captures(s, name)) >= count, timeout, lambda: f"{captures(s, name)}; log:\n{s.log_text()}")
    return captures(s, name)


def texts(s, name="l"):
    return "".join(e["payload"].partition("\n")[2] for e in events(s, name)
                   if e["eventname"].startswith("PROCESS_LOG"))


@pytest.mark.parametrize("again", [upgrade, crash])
def test_a_capture_is_whole(sup, again):
    """It is cut at every place where it can be: in a mark, behind one, in the text."""
    s = start(sup, listener("l", BOTH, buffer_size=100), speaker())
    whole = f"before{BEGIN}first part, second part{END}after"
    cuts = [0, 15, 30, 42, 60, len(whole)]
    for a, b in zip(cuts[:-2], cuts[1:-1], strict=True):
        say(s, whole[a:b])
        again(s)  # four in 10 s: one more were a loop
    say(s, whole[60:])
    assert wait_captures(s, 1) == ["first part, second part"]
    s.wait(lambda: texts(s) == "beforeafter", 20, lambda: texts(s))
    if again is crash:  # else a supd-log ended with half a mark, which it wrote down as text
        s.wait_file("w.log", r"\Abeforeafter\Z")
    say(s, f"{BEGIN}next{END}")
    assert wait_captures(s, 2)[1] == "next"


@pytest.mark.parametrize("again", [upgrade, crash])
def test_what_waits_in_the_socket(sup, again):
    """supd stands still while it comes, and then has no time to read it."""
    s = start(sup, listener("l", BOTH, buffer_size=100), listener("k", "PROCESS_COMMUNICATION", buffer_size=100),
              speaker())
    say(s, f"{BEGIN}one ")
    s.wait(lambda: BEGIN not in s.read("w.log"))
    s.send(signal.SIGSTOP)
    say(s, f"two{END}plain{BEGIN}three{END}{BEGIN}four ")
    s.wait_file("w.log", "plain")  # supd-log has all of it, and has passed it on before
    s.send(signal.SIGCONT) if again is upgrade else crash_at_once(s)
    again(s)
    say(s, f"five{END}")
    for name in "lk":
        assert wait_captures(s, 3, name) == ["one two", "three", "four five"]
    assert [e["poolserial"] for e in events(s, "k")] == ["0", "1", "2"]
    assert texts(s) == "plain"


def crash_at_once(s):
    s.expect_log(CRASHED)
    os.kill(s.pid, signal.SIGSEGV)
    s.send(signal.SIGCONT)


def test_the_last_bytes_of_it(sup):
    """More than the capture may hold, and more than a message, before and behind the fault."""
    limit = 40000
    s = start(sup, listener("l", BOTH, buffer_size=100), speaker(limit=limit))
    text = "".join(f"{i:09}\n" for i in range(12000))
    say(s, BEGIN + text[:50000])
    crash(s)
    say(s, text[50000:90000])
    upgrade(s)
    say(s, text[90000:] + END)
    assert wait_captures(s, 1)[0] == text[-limit:]
    say(s, f"{BEGIN}small{END}")
    assert wait_captures(s, 2)[1] == "small"


def test_every_one_once_under_load(sup):
    """Captures of three programs without a pause, each cut in two writes, while supd faults and upgrades."""
    count, names = 60, ("a", "b", "c")
    script = ("i=0; while [ $i -lt %d ]; do i=$((i+1)); printf '%s'$i-; printf $i'%s'; [ $((i %%%% 20)) = 0 ] && sleep 0.1;"
              " done; exec sleep 1000") % (count, BEGIN, END)
    programs = [speaker(name, command=f'/bin/sh -c "{script}"', autostart="false") for name in names]
    s = sup(CONF + listener("l", "PROCESS_COMMUNICATION", buffer_size=60000) + "".join(programs))
    s.wait_state("l", "RUNNING")
    s.ok("start", *names)
    crash(s, signal.SIGSEGV)
    upgrade(s)
    crash(s, signal.SIGABRT)
    crash(s, signal.SIGFPE)
    wait_captures(s, count * len(names), timeout=60)
    for name in names:
        got = [e["payload"].partition("\n")[2] for e in events(s) if f"processname:{name} " in e["payload"]]
        assert got == [f"{i}-{i}" for i in range(1, count + 1)]


def test_nobody_listens_any_more(sup):
    """What was kept for a group that goes away costs nothing, and another one begins anew."""
    s = start(sup, listener("l", BOTH), speaker())
    say(s, f"{BEGIN}half ")
    crash(s)
    s.write("supd.conf", s.read("supd.conf").replace(BOTH, "TICK_3600"))
    s.ok("update")
    upgrade(s)
    say(s, f"{END}")
    crash(s)
    assert captures(s) == []
