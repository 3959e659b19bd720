"""The soak still works: every act once, on the release build; and it notices what it looks for."""
import os
import subprocess
import sys

import pytest
from harness.supervised import ROOT

SOAK = os.path.join(ROOT, "tests", "soak")
sys.path.insert(0, SOAK)

from board import ROW, Board, Lines, Log, Run, compare_counts  # noqa: E402
from health import floors  # noqa: E402

SIZE = 64


@pytest.mark.release
def test_every_act_once():
    """Whatever order they come in: the seed is this process's own, and is printed."""
    done = subprocess.run(["/usr/bin/python3", os.path.join(SOAK, "run.py"), "--smoke", "--programs", "8",
                           "--life", "500"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=55, check=False)
    assert done.returncode == 0 and done.stdout.endswith("nothing is lost\n"), done.stdout
    assert "1 upgrade, 1 crash, 1 kill_log, 1 kill_agent" in done.stdout and "descriptors: supd " in done.stdout


def line(run, n, program=7):
    head = f"{program} {run} {n} ".encode()
    return head + b"%c" % (97 + n % 26) * (SIZE - 1 - len(head)) + b"\n"


def fed(*lines):
    found = Lines(7, SIZE)
    data = b"".join(lines)
    for i in range(0, len(data), 50):  # in pieces that fit no line
        found.feed(data[i:i + 50])
    return found


def run(number, lines, ended=0, twice=0):
    return Run(number, 7, 100 + number, lines, ended, twice)


GOOD = (line(3, 1), line(3, 2), line(9, 1), line(9, 2))
SAID = [run(3, 2, ended=1), run(9, 2, ended=1)]


def test_lines_that_are_all_there():
    assert fed(*GOOD).compare(SAID) == []
    assert fed(*GOOD).compare([SAID[0], run(9, 1), run(12, 0, ended=1)]) == []  # 9 was killed just after it


@pytest.mark.parametrize("lines,runs,words", [
    ((GOOD[0], *GOOD[2:]), SAID, "run 3 wrote 2 lines, 1 are in the log"),
    (GOOD[:3], [SAID[0], run(9, 3)], "run 9 wrote 3 lines, 1 are"),
    (GOOD, [SAID[0], run(9, 1, ended=1)], "run 9 wrote 1 lines, 2 are"),
    (GOOD, [*SAID, run(12, 1)], "run 12 wrote 1 lines, 0 are"),
    ((GOOD[0], *GOOD), SAID, "after line 1 of run 3"),
    ((*GOOD, GOOD[1]), SAID, "after line 2 of run 9"),
    ((*GOOD, GOOD[0], GOOD[1]), SAID, "after line 2 of run 9"),
    ((GOOD[1], GOOD[0]), SAID, "after line None of run None"),
    ((*GOOD[:3], GOOD[3][:30] + b"?" + GOOD[3][31:]), SAID, "after line 1 of run 9"),
    ((*GOOD[:3], GOOD[3][:40] + b"\n"), SAID, "after line 1 of run 9"),
    ((*GOOD, b"[supd: 3 lines, 90 bytes of w7 stdout dropped]\n"), SAID, "[supd: 3 lines"),
    ((*GOOD[:3], GOOD[3][:-1]), SAID, "ends in the middle of a line"),
])
def test_lines_that_are_not(lines, runs, words):
    wrong = fed(*lines).compare(runs)
    assert any(words in w for w in wrong), wrong


COUNTED = {"starts": 4, "exits": 4, "unexpected": 2, "fatals": 0}
RUNS = [run(1, 0, ended=1), run(2, 0, ended=4), run(3, 0), run(4, 0, ended=1)]
MORE = {"starts": 5, "exits": 5, "unexpected": 3}


@pytest.mark.parametrize("change,runs,kills,doubts,words", [
    ({}, RUNS, 1, 0, None),
    ({}, RUNS, 0, 0, "1 runs were ended by others; we killed 0"),
    (MORE, RUNS, 1, 1, None),
    (MORE, RUNS, 1, 0, "5 starts, 4 runs began"),
    ({"starts": 3, "exits": 3}, RUNS, 1, 1, "3 starts, 4 runs began"),
    ({"exits": 3, "unexpected": 1}, RUNS, 1, 0, "4 starts, 3 exits"),
    ({"unexpected": 3}, RUNS, 1, 1, None),
    ({"unexpected": 3}, RUNS, 1, 0, "1 exits as expected, 2 runs ended so"),
    ({"unexpected": 1}, RUNS, 1, 2, "3 exits as expected, 2 runs ended so"),
    ({"fatals": 1}, RUNS, 1, 0, "given up"),
    ({}, [*RUNS[:3], run(4, 0, ended=1, twice=1)], 1, 0, "run 4 began while another one lived"),
])
def test_counts(change, runs, kills, doubts, words):
    wrong = compare_counts("w7", {**COUNTED, **change}, runs, kills, doubts)
    assert not wrong if words is None else len(wrong) == 1 and words in wrong[0], wrong


def test_a_log_is_read_as_it_grows_and_given_back(tmp_path):
    log, path = Log(str(tmp_path / "w7.log"), 7, SIZE), tmp_path / "w7.log"
    assert not log.pump()
    count = (9 << 20) // SIZE
    with open(path, "wb") as f:
        f.writelines(line(1, n) for n in range(1, count + 1))
    while log.pump():
        pass
    with open(path, "ab") as f:
        f.write(line(1, count + 1))
    log.close()
    assert log.lines.compare([run(1, count + 1, ended=1)]) == []
    assert os.stat(path).st_size == (count + 1) * SIZE and os.stat(path).st_blocks * 512 < 4 << 20


def test_growth_is_of_what_stays():
    assert floors([300, 900, 310, 305, 800, 310, 700, 320, 900]) == (300, 320)
    assert floors([300]) == (300, 300)


def test_rows_are_read(tmp_path):
    board = Board(str(tmp_path / "board"), room=4)
    with open(tmp_path / "board", "r+b") as f:
        f.write(ROW.pack(0, 0, 3, 0, 0, 0) + ROW.pack(7, 101, 5, 1, 0, 0) + ROW.pack(8, 102, 6, 0, 1, 0))
    assert board.runs() == [run(1, 5, ended=1), Run(2, 8, 102, 6, 0, 1)]
    assert list(board.by_program()) == [7, 8]
