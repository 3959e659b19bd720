"""reread, update and HUP: the difference and nothing else; a bad file changes nothing."""
import os
import re
import signal
import subprocess

import pytest

from harness.beacon import conf, program, record, starts, wait_record
from harness.namespace import status_of
from harness.waiting import wait
from harness.wire import Refused


def first():
    return conf(program("keep", startsecs=0), program("change", startsecs=0),
                program("gone", startsecs=0), program("hot", startsecs=0, stopwaitsecs=9))


def second():
    return conf(program("keep", startsecs=0), program("change", "exit=5", startsecs=0),
                program("add", startsecs=0), program("hot", startsecs=0, stopwaitsecs=8))


def pids(s):
    return {n: r["pid"] for n, r in s.status().items() if r["pid"]}


def up(sup, **kw):
    s = sup(first(), **kw)
    for name in ("keep", "change", "gone", "hot"):
        wait_record(s, name, "start")
    return s, pids(s)


def apply_update(s):
    s.ok("update")


def apply_hup(s):
    s.send(signal.SIGHUP)


def apply_reload(s):
    s.ok("reload")


@pytest.mark.parametrize("apply", [apply_update, apply_hup, apply_reload])
@pytest.mark.parametrize("pid1", [True, False])
def test_only_the_difference(sup, apply, pid1):
    s, before = up(sup, pid1=pid1)
    s.write("supd.conf", second())
    apply(s)
    wait_record(s, "add", "start")
    wait_record(s, "change", "start", 2)
    wait(lambda: "gone" not in s.status(), 10, lambda: f"gone is gone: {s.status()}")
    after = pids(s)
    assert sorted(after) == ["add", "change", "hot", "keep"]
    # what did not change, or changed only in ways that need no restart, was not touched
    assert after["keep"] == before["keep"] and after["hot"] == before["hot"]
    assert len(starts(s, "keep")) == 1 and len(starts(s, "hot")) == 1
    assert after["change"] != before["change"]
    assert [e.what for e in record(s, "gone") if e.what != "SIGCONT"] == ["start", "SIGTERM", "end"]
    assert "stopwaitsecs" in s.ok("config", "hot") and "8" in s.ok("config", "hot")


def test_reread_changes_nothing(sup):
    s, before = up(sup)
    s.write("supd.conf", second())
    said = s.ok("reread")
    for name, what in (("add", "available"), ("change", "changed"), ("gone", "disappeared")):
        assert f"{name}: {what}" in said
    assert "keep" not in said
    assert pids(s) == before and not starts(s, "add")
    # add and remove work on what was read
    s.ok("add", "add")
    wait_record(s, "add", "start")
    assert s.ctl("remove", "gone").returncode != 0  # it runs
    s.ok("stop", "gone")
    s.ok("remove", "gone")
    assert "gone" not in s.status()
    assert {n: p for n, p in pids(s).items() if n in before} == \
        {n: p for n, p in before.items() if n != "gone"}


def test_no_difference(sup):
    s, before = up(sup)
    s.write("supd.conf", "; the same, said otherwise\n" + first().replace("startsecs=0", "startsecs = 0"))
    s.ok("update")
    s.send(signal.SIGHUP)
    s.wait_log("received SIGHUP indicating restart request")
    s.ok("reread")
    assert pids(s) == before and all(len(starts(s, n)) == 1 for n in before)


BAD = {
    "value": (second() + "[program:bad]\ncommand=/bin/true\nstartsecs=soon\n", "startsecs"),
    "syntax": (second() + "no delimiter here\n", "no delimiter here"),
    "ours": (second() + "[supd]\nsockt=/x\n", 'did you mean'),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_changes_nothing(sup, kind):
    text, says = BAD[kind]
    s, before = up(sup)
    s.expect_log("supd.conf", "reload", "HUP", "configuration")
    s.write("supd.conf", text)
    line = next(i for i, t in enumerate(text.splitlines(), 1) if t in
                ("startsecs=soon", "no delimiter here", "sockt=/x"))
    for verb in ("reread", "update", "reload"):
        done = s.ctl(verb)
        assert done.returncode != 0, verb
        assert says in done.stdout + done.stderr, done
        assert f"supd.conf:{line}" in done.stdout + done.stderr or kind == "syntax", done
    s.send(signal.SIGHUP)
    s.wait_log(re.escape(says))
    s.wait_log(rf"ERRO not reloaded: \S*supd.conf:{line}: .*[^n]$")  # a line of its own for each error
    assert pids(s) == before and not starts(s, "add")
    # and the next good one is taken
    s.write("supd.conf", second())
    s.ok("update")
    wait_record(s, "add", "start")
    assert pids(s)["keep"] == before["keep"]


def load_child(s):
    """The copy of supd that reads the configuration; its pid outside."""
    def there():
        with open(f"/proc/{s.pid}/task/{s.pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split() if status_of(p, "Name") == ["supd"]]
    return s.wait(there, what="the load child")[0]


def test_a_crash_of_the_load_child(sup):
    """Whoever reads the file is not supd: its death is an error message."""
    s, before = up(sup)
    good = s.read("supd.conf")
    s.run("rm", s.path("supd.conf"))
    os.mkfifo(s.path("supd.conf"))
    asking = subprocess.Popen(s.ns.enter_command(s.ctl_command("update")), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=s.env)
    os.kill(load_child(s), signal.SIGABRT)
    said, _ = asking.communicate(timeout=20)
    assert asking.returncode == 1 and "reading the configuration was ended by signal 6" in said
    assert pids(s) == before
    s.run("rm", s.path("supd.conf"))
    s.write("supd.conf", good + program("add", startsecs=0))
    s.ok("update")
    wait_record(s, "add", "start")


def test_missing_file(sup):
    s, before = up(sup)
    s.expect_log("supd.conf")
    s.run("rm", s.path("supd.conf"))
    assert s.ctl("update").returncode != 0
    assert pids(s) == before


def test_an_include_comes_and_goes(sup):
    s = sup(conf(program("a", startsecs=0)) + "[include]\nfiles = %(here)s/more*.ini\n")
    a = wait_record(s, "a", "start")[0].pid
    s.write("more1.ini", program("b", startsecs=0))
    s.ok("update")
    wait_record(s, "b", "start")
    s.run("rm", s.path("more1.ini"))
    s.ok("update")
    wait(lambda: list(s.status()) == ["a"], 10, lambda: f"only a: {s.status()}")
    assert s.status()["a"]["pid"] == a
    assert record(s, "b", "end")


def test_an_include_that_cannot_be_read_stops_nothing(sup):
    """What is taken for gone would be stopped: that the file cannot be read does not say so."""
    s = sup(conf(program("a", startsecs=0)) + "[include]\nfiles = %(here)s/d/*.ini\n")
    s.expect_log("cannot read", "was not reloaded")
    s.run("mkdir", s.path("d"))
    s.write("d/b.ini", program("b", command="busybox sleep 1000", startsecs=0))
    s.ok("update")
    for name in "ab":
        s.wait_state(name, "RUNNING")
    before = pids(s)
    s.run("mv", s.path("d/b.ini"), s.path("d/b"))
    s.run("ln", "-s", "b.ini", s.path("d/b.ini"))  # links in a circle: not to be read by root either
    for verb in ("reread", "update", "reload", "check"):
        done = s.ctl(verb)
        assert done.returncode != 0 and "d/b.ini, which was read before: Too many levels" in done.stdout + done.stderr
    s.send(signal.SIGHUP)
    s.wait_log(r"ERRO not reloaded: \S*supd.conf:\d+: include.files: cannot read \S*d/b.ini, ")
    s.run("mv", s.path("d"), s.path("e"))
    s.run("ln", "-s", "d", s.path("d"))  # nor is the folder
    done = s.ctl("update")
    assert done.returncode != 0 and "/d, which was read before: Too many levels" in done.stderr
    assert pids(s) == before
    s.run("rm", s.path("d"))  # gone is gone
    s.ok("update")
    s.wait(lambda: list(s.status()) == ["a"])


def test_what_waits_for_another_start_is_said(sup):
    head = "[supd]\nlog_memory=1MB\n"
    s = sup(head + conf(program("a", startsecs=0)))
    s.wait_state("a", "RUNNING")
    assert "takes effect" not in s.ctl("reread").stderr
    s.write("supd.conf", "[supd]\nlog_memory=2MB\nsocket=/tmp/other\n" + conf(program("a", startsecs=0)).replace(
        "[supervisord]", "[supervisord]\nuser=65534\nminfds=2000"))
    said = "this change takes effect only when supd is stopped and started"
    wanted = [f":2: supd.log_memory: {said}", f":3: supd.socket: {said}", f"supervisord.user: {said}",
              f"supervisord.minfds: {said}"]
    for verb in ("reread", "check", "update"):
        done = s.ctl(verb)
        assert done.returncode == 0
        assert [w for w in wanted if w not in done.stdout + done.stderr] == [], done
        assert (done.stdout + done.stderr).count(said) == 4
    assert "takes effect" not in s.ctl("reread").stderr  # it has been told
    s.write("supd.conf", head + conf(program("a", startsecs=0)))
    s.send(signal.SIGHUP)
    s.wait_log(f"WARN .*supervisord.user: {said}")


TALK = "busybox sh -c 'while :; do echo $$; sleep 0.1; done'"


def test_output_moves_while_the_program_runs(sup):
    """Into a file, nowhere, into another: the program goes on, and `tail` knows its last lines."""
    def text(place):
        return conf(program("talk", command=TALK, startsecs=0, stdout_logfile=place))
    s = sup(text("%(here)s/one"))
    pid = str(s.wait_state("talk", "RUNNING")["pid"])
    s.wait_file("one", pid)
    s.write("supd.conf", text("NONE"))
    s.ok("update")
    s.ok("clear", "talk")
    s.wait(lambda: s.ok("tail", "talk").count(pid) >= 5)
    s.write("supd.conf", text("%(here)s/two"))
    s.ok("update")
    s.wait_file("two", pid)
    assert s.status()["talk"]["pid"] == int(pid) and s.status()["talk"]["exits"] == 0


def test_output_of_many_comes_back_by_a_restart(sup):
    """Among so many programs NONE is /dev/null; a file afterwards needs a new start."""
    def text(place):
        rest = program("rest", autostart="false", numprocs=300, process_name="r%(process_num)d")
        return conf(rest, program("talk", command=TALK, startsecs=0, stdout_logfile=place))
    s = sup(text("NONE"))
    pid = s.wait_state("talk", "RUNNING")["pid"]
    said = s.ctl("tail", "talk").stderr
    assert "talk has no stdout log: NONE is /dev/null when there are more than 256 processes" in said
    s.write("supd.conf", text("%(here)s/one"))
    s.ok("update")
    s.wait_file("one", r"\d")
    assert s.status()["talk"]["pid"] != pid


def test_more_than_the_limit_of_descriptors_allows(sup):
    """What does not fit is said before anything is changed, and what fits is done."""
    def text(n):
        many = program("b", startsecs=0, numprocs=n, process_name="%(process_num)d",
                       stdout_logfile="/dev/null", stdout_logfile_maxbytes=0)
        return conf(program("a", startsecs=0), many if n else "").replace(
            "[supervisord]", "[supervisord]\nminfds=64")

    s = sup(text(0), prefix=["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-all",
                             "prlimit", "--nofile=256:300"])
    wait_record(s, "a", "start")
    s.write("supd.conf", text(200))
    said = r"the configuration needs \d\d\d descriptors, limit 300 "
    for verb in ("update", "reload"):
        done = s.ctl(verb)
        assert done.returncode == 1 and re.search(said, done.stderr + done.stdout), done
    s.expect_log("the configuration was not applied: " + said)
    s.send(signal.SIGHUP)
    s.wait_log("the configuration was not applied: " + said)
    assert list(s.status()) == ["a"] and not starts(s, "b")
    s.write("supd.conf", text(20))
    s.ok("update")
    wait_record(s, "b", "start", 20)
    assert len(s.status()) == 21 and len(starts(s, "a")) == 1


def test_numprocs_grow(sup):
    many = program("w", command="busybox sleep 1000", numprocs=2, startsecs=0,
                   process_name="w%(process_num)d")
    s = sup(conf(program("keep", startsecs=0), many))
    wait_record(s, "keep", "start")
    for name in ("w:w0", "w:w1"):
        s.wait_state(name, "RUNNING")
    before = pids(s)
    s.write("supd.conf", conf(program("keep", startsecs=0), many.replace("numprocs=2", "numprocs=4")))
    s.ok("update")
    wait(lambda: sum(r["state"] == "RUNNING" for n, r in s.status().items() if n.startswith("w:")) == 4,
         10, lambda: f"four run: {s.status()}")
    grown = pids(s)
    assert {n: grown[n] for n in before} == before  # those that were there go on
    s.write("supd.conf", conf(program("keep", startsecs=0), many.replace("numprocs=2", "numprocs=1\nnumprocs_start=2")))
    s.ok("update")
    assert pids(s) == {n: grown[n] for n in ("keep", "w:w2")}
    s.write("supd.conf", conf(program("keep", startsecs=0), many.replace(
        "numprocs=2", "numprocs=1\nnumprocs_start=2").replace("1000", "100%(numprocs)d")))
    s.ok("update")
    s.wait_state("w:w2", "RUNNING")
    assert pids(s)["w:w2"] != grown["w:w2"] and pids(s)["keep"] == grown["keep"]


def test_as_supervisord_hup_restarts_everything(sup):
    s = sup(first().replace("[supervisord]", "[supervisord]\nnodaemon=true\nlogfile=/dev/null"),
            name="supervisord")
    before = {n: wait_record(s, n, "start")[0].pid for n in ("keep", "hot")}
    s.send(signal.SIGHUP)
    for name, pid in before.items():
        assert wait_record(s, name, "start", 2)[1].pid != pid


def slow(sup):
    """A program that ends when it may; supd, called as supervisord, is about to restart everything."""
    s = sup("[supervisord]\nnodaemon=true\nlogfile=%(here)s/main.log\nsilent=true\n"
            "[program:slow]\nstartsecs=0\nstopwaitsecs=60\n"
            "command=sh -c 'trap : TERM\n    echo > %(here)s/up\n    until [ -e %(here)s/go ]\n    do sleep 0.05\n    done'\n"
            "[program:other]\ncommand=sleep 1000\nstartsecs=0\nautostart=false\n", name="supervisord")
    s.wait_file("up")
    s.send(signal.SIGHUP)
    s.wait(lambda: s.status()["slow"]["state"] == "STOPPING")
    return s


def test_on_the_way_of_a_restart_nothing_is_started(sup):
    s = slow(sup)
    with pytest.raises(Refused, match="SHUTDOWN_STATE"):
        s.ask("start", "other")
    s.send(signal.SIGHUP)  # asked again meanwhile: once more, once it is up
    s.wait(lambda: s.read("main.log").count("received SIGHUP indicating restart request") == 2)
    s.write("go", "")
    s.wait(lambda: s.read("main.log").count("supervisord started with pid") == 3, what=lambda: s.read("main.log"))
    assert s.state("other") == "STOPPED"


def test_a_shutdown_on_the_way_of_a_restart(sup):
    s = slow(sup)
    s.send(signal.SIGTERM)
    s.wait_file("main.log", "received SIGTERM indicating exit request")
    s.write("go", "")
    assert s.wait_exit() == 0


def test_auto_logs_go_on_over_hup(sup):
    s = sup("[supervisord]\nnodaemon=true\nlogfile=/dev/null\nchildlogdir=%(here)s\n"
            + program("a", stdout_logfile="AUTO", startsecs=0, autorestart="false"), name="supervisord")
    s.wait_state("a", "RUNNING")
    before = s.status()["a"]
    s.send(signal.SIGHUP)
    after = s.wait(lambda: s.status()["a"]["pid"] not in (0, before["pid"]) and s.status()["a"])
    assert "a-stdout---supervisor-" in before["stdout_log"] and after["stdout_log"] == before["stdout_log"]
