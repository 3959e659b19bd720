"""Output that the plugin supervisor-stdout is to print: supd does it, and needs no Python for that."""
import os
import signal

import pytest
from harness.listening import CONF, listener
from harness.namespace import command_of
from harness.upgrading import crash, upgrade

HANDLER = {"result_handler": "supervisor_stdout:event_handler", "buffer_size": 100}
# both speak when they are told to
SPEAKS = """
[program:{name}]
command=/bin/sh -c "n=0; while n=$((n+1)); do until [ -e %(here)s/{name}.$n ]; do sleep 0.02; done; . %(here)s/{name}.$n; done"
startsecs=0
"""


def speaks(name, **keys):
    return SPEAKS.format(name=name) + "".join(f"{k}={v}\n" for k, v in keys.items())


def say(s, name, number, script):
    s.write(f"{name}.{number}.new", script)
    os.rename(s.path(f"{name}.{number}.new"), s.path(f"{name}.{number}"))


def printed(s, *lines):
    """These lines and no others are printed, the ones of each stream in order."""
    s.wait(lambda: len(s.read("stdout").splitlines()) >= len(lines), 20, lambda: f"{s.read('stdout')}\n{s.log_text()}")
    assert sorted(s.read("stdout").splitlines()) == sorted(lines)


def test_what_is_printed(sup):
    """Streams whose events the section asks for, by whole lines; whatever the listener does."""
    s = sup(CONF + listener("l", "PROCESS_LOG_STDOUT", "hold", **HANDLER)
            + speaks("a", stdout_events_enabled="true", stderr_events_enabled="true", stdout_logfile="%(here)s/a.log",
                     log_prefix="true") + speaks("b", stderr_events_enabled="true"))
    say(s, "b", 1, "echo 'b is not asked for'; echo 'nor is this' >&2")
    say(s, "a", 1, "printf 'one\\nhal'; echo 'not this' >&2")
    printed(s, "a stdout | one")
    say(s, "a", 2, "echo f")
    printed(s, "a stdout | one", "a stdout | half")
    s.wait(lambda: s.read("a.log").endswith(" a stdout | half\n"), 20, lambda: s.read("a.log"))


@pytest.mark.parametrize("how", ["upgrade", pytest.param("crash", marks=pytest.mark.release), "supd-log"])
def test_it_goes_on(sup, how):
    """Half a line before, the rest after: another supd or supd-log prints it once, and so on."""
    s = sup(CONF + listener("other", "TICK_5") + listener("l", "PROCESS_LOG", **HANDLER)
            + speaks("a", stdout_events_enabled="true"))
    say(s, "a", 1, "echo one; printf two")
    printed(s, "a stdout | one")
    if how == "upgrade":
        upgrade(s)
    elif how == "crash":
        crash(s)
    else:
        old = next(p for p in s.pids if "supd-log" in command_of(p))
        os.kill(old, signal.SIGKILL)
        s.wait_log(r"supd-log \(pid \d+\) was killed by signal 9")
    say(s, "a", 2, "echo ' and three'; echo four")
    s.wait(lambda: "a stdout | four" in s.read("stdout"), 20, s.log_text)
    assert "".join(line[len("a stdout | "):] for line in s.read("stdout").splitlines()) == "onetwo and threefour"


def test_until_the_section_goes(sup):
    """An update that adds the listener starts it for programs that run, one that removes it ends it."""
    rest = CONF + speaks("a", stdout_events_enabled="true", stdout_logfile="%(here)s/a.log")
    s = sup(rest)
    pid = s.status("a")["a"]["pid"]
    say(s, "a", 1, "echo before")
    s.wait_file("a.log", "before\n")
    s.write("supd.conf", rest + listener("l", "PROCESS_LOG", **HANDLER))
    s.ok("update")
    say(s, "a", 2, "echo one")
    printed(s, "a stdout | one")
    s.write("supd.conf", rest)
    s.ok("update")
    say(s, "a", 3, "echo after")
    s.wait_file("a.log", "after\n")
    printed(s, "a stdout | one")
    assert s.status("a")["a"]["pid"] == pid
