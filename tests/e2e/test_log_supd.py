"""Log capture through the whole: supd, supd-log and supctl."""
import os
import re
import signal
import time

import pytest

from harness.namespace import command_of
from harness.stall import stalled
from harness.supervised import program
from harness.waiting import wait
from harness.wire import record

CONF = """
[supervisord]
nodaemon=true
childlogdir={dir}
[program:w]
command=sh -c "echo started; echo problem >&2; exec sleep 1000"
stdout_logfile=%(here)s/w.log
stderr_logfile=%(here)s/w.err
[program:both]
command=sh -c "echo one; echo two >&2; exec sleep 1000"
redirect_stderr=true
stdout_logfile=%(here)s/both.log
[program:auto]
command=sh -c "echo auto; exec sleep 1000"
[program:out]
command=sh -c "echo to the container; exec sleep 1000"
stdout_logfile=/dev/stdout
stdout_logfile_maxbytes=0
"""


def supd_log(s):
    found = [p for p in s.pids if "supd-log" in command_of(p)]
    return found[0] if found else None


def test_capture_of_every_kind(sup, tmp_path):
    s = sup(CONF.format(dir="%(here)s"))
    s.wait_file("w.log", r"\Astarted\n\Z")
    s.wait_file("w.err", r"\Aproblem\n\Z")
    s.wait_file("both.log", r"\Aone\ntwo\n\Z")
    s.wait_file("stdout", r"to the container\n")
    files = [f for f in os.listdir(s.dir) if f.startswith("auto-stdout---supervisor-")]
    assert len(files) == 1
    s.wait_file(files[0], r"\Aauto\n\Z")
    for name, text in (("w", "started\n"), ("auto", "auto\n"), ("out", "to the container\n")):
        assert s.ok("tail", name) == text
    assert s.ok("tail", "w", "stderr") == "problem\n"


def silent(name, **keys):
    keys = {"stdout_logfile": f"%(here)s/{name}.log", "stderr_logfile": "NONE", **keys}
    return f"[program:{name}]\ncommand=sleep 1000\nstartsecs=0\n" + "".join(f"{k}={v}\n" for k, v in keys.items())


def test_the_file_of_a_silent_program(sup):
    """It is there when the program runs, and not before; whoever reads a FIFO sees no end of it."""
    pipe = "stdout_logfile=%(here)s/fifo\nstdout_logfile_maxbytes=0\nstderr_logfile=NONE\n"
    reads = 'sh -c "mkfifo %(here)s/fifo.new && mv %(here)s/fifo.new %(here)s/fifo; exec cat %(here)s/fifo"'
    s = sup("[supervisord]\nnodaemon=true\n" + silent("s", stderr_logfile="%(here)s/s.err") + silent("off", autostart="false") +
            f"[program:reads]\ncommand={reads}\nautorestart=false\nstartsecs=0\nstdout_logfile=%(here)s/read\n"
            f"[program:p]\nautostart=false\ncommand=sh -c 'echo text; exec sleep 1000'\n" + pipe +
            f"[program:q]\nautostart=false\ncommand=sleep 1000\n" + pipe, before="umask 027")
    s.wait(lambda: os.path.exists(s.path("s.log")) and os.path.exists(s.path("s.err")))
    assert [os.stat(s.path(name)).st_mode & 0o777 for name in ("s.log", "s.err")] == [0o640] * 2
    s.wait(lambda: os.path.exists(s.path("fifo")))
    s.ok("start", "q")
    s.ok("stop", "q")
    s.ok("start", "p")
    s.wait_file("read", r"\Atext\n\Z")
    assert s.state("reads") == "RUNNING"
    assert not os.path.exists(s.path("off.log"))
    s.ok("start", "off")
    s.wait(lambda: os.path.exists(s.path("off.log")))


def test_a_new_supd_log_makes_the_files_of_who_runs(sup):
    s = sup("[supervisord]\nnodaemon=true\n" + silent("s") + silent("ended", autorestart="false"))
    s.wait(lambda: all(os.path.exists(s.path(f"{name}.log")) for name in ("s", "ended")))
    s.ok("stop", "ended")
    old = wait(lambda: supd_log(s), 10, "supd-log runs")
    os.kill(old, signal.SIGSTOP)
    for name in ("s", "ended"):
        os.unlink(s.path(f"{name}.log"))
    os.kill(old, signal.SIGKILL)
    s.wait(lambda: os.path.exists(s.path("s.log")))
    assert not os.path.exists(s.path("ended.log"))


def test_a_folder_that_hangs_holds_no_other_file_up(sup):
    """Also not those of the same start, nor the start, nor the end."""
    cold = [silent(f"a{n}", autostart="false", stdout_logfile=f"%(here)s/cold/{n}.log") for n in range(3)]
    s = sup("[supervisord]\nnodaemon=true\n" + "".join(cold) + silent("z", autostart="false"),
            before='mkdir "$TEST_DIR/cold"')
    with stalled(s.path("cold")):
        s.ok("start", "a0", "a1", "a2", "z")
        s.wait(lambda: os.path.exists(s.path("z.log")), 20)
        s.ok("restart", "a0", "z")
        assert s.ok("tail", "z") == ""
    s.wait(lambda: len(os.listdir(s.path("cold"))) == 3)


def test_supd_log_killed_comes_back_and_nothing_is_lost(sup):
    s = sup("""
[supervisord]
nodaemon=true
[program:w]
command=sh -c 'i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; exec sleep 1000'
stdout_logfile=%(here)s/w.log
stdout_logfile_maxbytes=50KB
stdout_logfile_backups=100
""")
    for _ in range(3):
        old = wait(lambda: supd_log(s), 10, "supd-log runs")
        os.kill(old, signal.SIGKILL)
        wait(lambda: supd_log(s) not in (None, old), 20, "another supd-log runs")

    def numbers():
        names = [f for f in os.listdir(s.dir) if f.startswith("w.log")]
        names.sort(key=lambda f: -int(f[6:] or 0))
        return [int(n) for name in names for n in re.findall(r"line (\d+)\n", s.read(name))]

    s.wait(lambda: numbers()[-1:] == [19999], 30)
    assert numbers() == list(range(20000))
    s.wait_log(r"supd-log \(pid \d+\) was killed by signal 9")


def test_last_words_are_in_the_log_when_the_exit_is_told(sup):
    s = sup("""
[supervisord]
nodaemon=true
[program:w]
command=sh -c 'echo last words; exit 3'
startsecs=0
autorestart=false
autostart=false
exitcodes=3
stdout_logfile=%(here)s/w.log
""")
    s.ok("maintail")  # supd-log is there; where it takes longer than 200 ms nobody waits for it
    with s.wire() as events:
        events.request("subscribe")
        s.ok("start", "w")
        while "type=exit" not in events.line():
            pass
        assert s.read("w.log") == "last words\n"


def test_every_exit_waits_for_its_own_last_words(sup):
    """While supd-log takes nothing, each exit is told 200 ms after the death, not with the one before."""
    s = sup("""
[supervisord]
nodaemon=true
[program:w]
command=sh -c 'sleep 0.08; echo last words; date +%%s%%N >>$TEST_DIR/ends'
startsecs=0
autorestart=true
autostart=false
stdout_logfile=%(here)s/w.log
""")
    log = wait(lambda: supd_log(s), 10, "supd-log runs")
    os.kill(log, signal.SIGSTOP)
    with s.wire() as events:
        events.request("subscribe")
        s.ok("start", "w")
        told = []
        while len(told) < 6:
            event = record(events.line().partition(" event ")[2])
            if event["type"] == "exit":
                told.append(event["time_ms"])
    os.kill(log, signal.SIGCONT)
    ends = [int(line) // 1000000 for line in s.read("ends").split()]
    waited = [tell - end for tell, end in zip(told, ends)]
    assert min(waited) >= 195, waited


def test_reload_moves_a_log_without_a_restart_of_supd_log(sup):
    text = """
[supervisord]
nodaemon=true
[program:w]
command=sh -c 'while :; do echo tick; sleep 0.1; done'
stdout_logfile=%(here)s/{name}.log
"""
    s = sup(text.format(name="one"))
    s.wait_file("one.log", "tick")
    before = supd_log(s)
    s.write("supd.conf", text.format(name="two"))
    s.ok("update")
    s.wait_file("two.log", "tick")
    assert supd_log(s) == before


def test_main_log_in_a_file_rotates(sup):
    s = sup("""
[supervisord]
nodaemon=true
logfile=%(here)s/main.log
logfile_maxbytes=600
logfile_backups=2
[program:w]
command=sleep 1000
startsecs=0
""")
    s.wait_file("main.log", "started with pid")
    for _ in range(10):
        s.ok("restart", "w")
    wait(lambda: os.path.exists(s.path("main.log.2")), 10, lambda: os.listdir(s.dir))
    assert "INFO spawned: 'w'" in s.read("main.log.1")


@pytest.mark.parametrize("name,apply", [("supd", "update"), ("supd", "hup"), ("supervisord", "hup")])
def test_the_main_log_follows_a_reload(sup, name, apply):
    text = "[supervisord]\nnodaemon=true\nlogfile=%(here)s/{}.log\n{}\n[program:a]\ncommand=sleep 1000\nstartsecs=0\n"
    s = sup(text.format("one", ""), name=name)
    s.wait_file("one.log", "entered RUNNING")
    s.write("supd.conf", text.format("two", "logfile_maxbytes=400\nlogfile_backups=2\nloglevel=debug"))
    if name == "supervisord":  # its update is for the programs alone
        s.ok("update")
        s.ok("restart", "a")
        assert not s.read("two.log")
    if apply == "hup":
        s.send(signal.SIGHUP)
    else:
        s.ok("update")
    # what is said before supd-log has read of the change still goes to the old place
    s.wait(lambda: s.ctl("restart", "a") and s.read("two.log"))
    written = s.read("one.log")
    s.wait(lambda: s.ctl("restart", "a") and s.read("two.log.2"))
    assert s.read("one.log") == written


def test_usr2_opens_the_files_anew(sup):
    s = sup("""
[supervisord]
nodaemon=true
[program:w]
command=sh -c 'while :; do echo tick; sleep 0.05; done'
stdout_logfile=%(here)s/w.log
""")
    s.wait_file("w.log", "tick")
    os.rename(s.path("w.log"), s.path("old.log"))
    s.send(signal.SIGUSR2)
    s.wait_file("w.log", "tick")


BROKEN = ("sh", "-c", 'cd "$TEST_DIR"; cp "$1" supd; cp %s mine; ln -s /bin/false supd-log; shift; '
          'exec ./supd "$@"' % program("supd-log"), "sh")


def test_a_supd_log_that_never_stays_up(sup):
    """Programs run, supd says on standard error what is wrong, a few times; and all is well once it works."""
    s = sup("""
[supervisord]
nodaemon=true
logfile=%(here)s/main.log
[program:w]
command=sh -c "echo started; exec sleep 1000"
startsecs=0
stdout_logfile=%(here)s/w.log
""", prefix=BROKEN)
    s.expect_log("supd-log does not stay up")
    s.wait_log(r"ERRO supd-log does not stay up \(exit status 1, 5 times in a row\)")
    pid = s.wait_state("w", "RUNNING")["pid"]
    s.ok("restart", "w")
    s.wait_log(r"spawned: 'w' with pid (?!%d\b)" % pid)
    assert s.ctl("tail", "w").returncode != 0
    s.ok("update")
    s.ok("signal", "USR1", "w")  # a reload does not silence us
    s.wait_log(r"exited: w .*SIGUSR1")
    deaths = len(re.findall("supd-log .*exit status 1", s.log_text()))
    assert deaths <= 6, s.log_text()
    os.rename(s.path("mine"), s.path("supd-log"))
    s.wait_file("w.log", r"\Astarted\nstarted\nstarted\n\Z", 20)
    s.wait_file("main.log", r"supd-log \(pid \d+\) ended with exit status 1; starting it again")
    s.wait_file("main.log", "supd-log stays up now", 20)
    assert s.status()["w"]["restarts"] == 1


def test_nothing_of_supd_log_stays_after_shutdown(sup):
    s = sup(CONF.format(dir="%(here)s"), pid1=False)
    s.wait_file("w.log", "started")
    pid = supd_log(s)
    s.ok("shutdown")
    wait(lambda: pid not in s.pids, 10, "supd-log ended")


def test_killed_again_and_again_it_is_back_within_a_second_or_two(sup):
    """The pause between the starts does not grow so long that programs stand still."""
    s = sup("""
[supervisord]
nodaemon=true
[program:w]
command=sh -c 'i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done'
stdout_logfile=%(here)s/w.log
""")
    s.wait_file("w.log", "line 1\n")
    gaps = []
    for _ in range(10):
        old = s.ask("stats")[1]["log_pid"]
        s.kill(old)
        died = time.monotonic()
        wait(lambda: s.ask("stats")[1]["log_pid"] not in (0, old), 20, "another one was started")
        gaps.append(time.monotonic() - died)
    # pauses of 0, 0.1, 0.2, 0.4, 0.8, 1, 1, ... s; five seconds would show in any of the last four
    assert sorted(gaps)[-2] < 3, gaps
    lines = int(s.read("w.log").split()[-1])
    s.wait(lambda: int(s.read("w.log").split()[-1]) > lines + 10, 20)
    numbers = [int(n) for n in re.findall(r"line (\d+)\n", s.read("w.log"))]
    assert numbers == list(range(len(numbers)))


def test_the_counters_of_logs_are_the_sum_of_what_was_written(sup):
    s = sup("""
[supervisord]
nodaemon=true
childlogdir=%(here)s
[program:a]
command=sh -c 'head -c 1000 /dev/zero; exec sleep 1000'
[program:b]
command=sh -c 'head -c 500 /dev/zero >&2; exec sleep 1000'
[program:c]
command=sleep 1000
""")
    s.wait(lambda: s.ask("stats")[1]["log_bytes"] >= 1500)
    last = s.ask("stats")[1]
    assert (last["log_bytes"], last["log_lost_bytes"], last["log_failures"]) == (1500, 0, 0)


def test_descriptors_that_supd_was_given(sup):
    """Whatever it is: a file appended to, never rotated; a pipe."""
    s = sup("""
[supervisord]
nodaemon=true
[program:w]
command=sh -c 'seq 100; exec sleep 1000'
stdout_logfile=/dev/fd/9
stdout_logfile_maxbytes=10
""", prefix=("sh", "-c", 'exec 9>>"$TEST_DIR/nine"; exec "$0" "$@"'))
    s.wait_file("nine", r"\A1\n(?:\d+\n)*100\n\Z")
    s.ok("restart", "w")
    s.wait_file("nine", r"\A1\n(?:\d+\n)*100\n1\n(?:\d+\n)*100\n\Z")
