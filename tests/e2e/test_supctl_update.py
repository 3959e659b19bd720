"""check, reread, update, reload, add, remove: what a changed file does, and what a bad one does not."""
import re

import pytest

CONF = """[supd]
[supervisord]
childlogdir=%(here)s
[program:a]
command=/bin/sleep 1000
startsecs=0
[program:b]
command=/bin/sleep 1000
startsecs=0
"""
C = "[program:c]\ncommand=/bin/sleep 1000\nstartsecs=0\n"


@pytest.fixture
def s(sup):
    one = sup(CONF)
    one.wait_state("b", "RUNNING")
    return one


def said(done, code):
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}---\n{done.stderr}"
    return done.stdout


def test_nothing_changed(s):
    assert said(s.ctl("reread"), 0) == "No config updates to processes\n"
    before = s.status()
    assert said(s.ctl("update"), 0) == ""
    assert said(s.ctl("reload"), 0) == "configuration reloaded\n"
    assert {n: r["pid"] for n, r in s.status().items()} == {n: r["pid"] for n, r in before.items()}


def test_reread_shows_and_update_applies(s):
    before = s.status()
    s.write("supd.conf", CONF.replace("[program:b]\ncommand=/bin/sleep 1000", "[program:b]\ncommand=/bin/sleep 999") + C)
    assert said(s.ctl("reread"), 0) == "c: available\nb: changed\n"
    assert set(s.status()) == {"a", "b"}
    assert sorted(said(s.ctl("update"), 0).splitlines()) == ["b: updated process group", "c: added process group"]
    after = s.status()
    assert after["a"]["pid"] == before["a"]["pid"] and after["b"]["pid"] != before["b"]["pid"]
    assert after["c"]["state"] == "RUNNING"
    s.write("supd.conf", CONF.replace("[program:a]", "[program:z]"))
    assert said(s.ctl("update", "z"), 0) == "z: added process group\n"
    assert set(s.status()) == {"a", "b", "c", "z"}
    assert sorted(said(s.ctl("update"), 0).splitlines()) == [
        "a: removed process group", "a: stopped", "b: updated process group",
        "c: removed process group", "c: stopped"]
    assert set(s.status()) == {"b", "z"}


def test_update_of_unknown_groups(s):
    done = s.ctl("update", "nosuch")
    # what the file itself is warned of comes before
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == "ERROR: no such group: nosuch"


def test_add_and_remove(s):
    assert "processes are still running: a" in s.ctl("remove", "a").stderr
    s.ok("stop", "a")
    assert said(s.ctl("remove", "a"), 0) == "a: removed process group\n"
    assert set(s.status()) == {"b"}
    assert s.ctl("remove", "a").returncode == 1
    assert said(s.ctl("add", "a"), 0) == "a: added process group\n"
    s.wait_state("a", "RUNNING")
    done = s.ctl("add", "a")
    assert done.returncode == 0 and "active already" in done.stderr
    assert s.ctl("add", "nosuch").returncode == 1
    s.write("supd.conf", CONF + C)
    assert s.ctl("add", "c").returncode == 1  # not read yet
    s.ok("reread")
    assert said(s.ctl("add", "c"), 0) == "c: added process group\n"


def test_a_bad_file_changes_nothing(s):
    before = s.status()
    s.write("supd.conf", CONF + "[program:c]\ncommand=/bin/true\nstartsecs=soon\nautostart=perhaps\n")
    s.expect_log("not reloaded")
    for command, code in (("check", 2), ("reread", 1), ("update", 1), ("reload", 1)):
        done = s.ctl(command)
        text = done.stdout + done.stderr
        assert done.returncode == code, text
        assert re.search(r"supd\.conf:\d+: .*soon", text) and re.search(r"supd\.conf:\d+: .*perhaps", text), text
        assert "nothing was changed" in done.stderr
    after = s.status()
    assert {n: r["pid"] for n, r in after.items()} == {n: r["pid"] for n, r in before.items()}


def test_check(s):
    assert "is right: 2 processes in 2 groups" in said(s.ctl("check"), 0)
    bad = s.write("other.conf", "[supervisord]\n[program:x]\n")
    done = s.ctl("check", bad)
    assert done.returncode == 2 and "other.conf" in done.stdout + done.stderr
    assert s.ctl("check", s.path("supd.conf")).returncode == 0
