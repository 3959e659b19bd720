"""Metrics of real programs: their lines, exits and StatsD's datagrams, as supctl shows the windows."""
import json
import os
import signal
import socket

import pytest

HEAD = """[supd]
[agent]
state_dir=%(here)s/state
[supervisord]
childlogdir=%(here)s
"""
# says what it finds in its file, line by line, and waits for more
TAIL = """[program:{name}]
command=/bin/sh -c "touch %(here)s/{name}.in; exec tail -c +1 -f %(here)s/{name}.in"
"""


def metrics(s):
    """name -> (total, errors, percent known) of the first window shown"""
    done = s.ctl("--json", "metrics")
    if done.returncode not in (0, 3):
        return {}
    found = {}
    for row in json.loads(done.stdout):
        found.setdefault(row["name"], row)
    return found


def counts(s, name):
    row = metrics(s).get(name)
    return (int(row["total"]), int(row["errors"])) if row else None


def say(s, name, data):
    with open(s.path(f"{name}.in"), "ab") as f:
        f.write(data)


def lines_of(program):
    return f"type=lines\nprogram={program}\nerrors=ERR$\nstream=stdout\n"


def test_lines_of_many_programs_and_of_a_group(sup):
    names = [f"p{i}" for i in range(70)]
    s = sup(HEAD + "".join(TAIL.format(name=n) for n in names) +
            "".join(f"[metric:{n}]\n" + lines_of(n) for n in names) +
            "[group:g]\nprograms=p0,p1\n[metric:group]\n" + lines_of("g"))
    s.wait(lambda: len(metrics(s)) == len(names) + 1)
    s.wait(lambda: all(os.path.exists(s.path(f"{n}.in")) for n in names))
    for n in names:
        say(s, n, b"fine\nan ERR\r\nbytes \xff\xfe\n")
    s.wait(lambda: counts(s, "group") == (6, 2))
    s.wait(lambda: counts(s, "p69") == (3, 1))
    shown = metrics(s)
    assert {n: (shown[n]["total"], shown[n]["errors"]) for n in names} == {n: ("3", "1") for n in names}
