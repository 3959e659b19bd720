"""The soak still works: every act once, on the release build; and it notices what it looks for."""
import contextlib
import os
import socket
import subprocess
import sys
import threading

import pytest
from harness.supervised import ROOT
from harness.waiting import wait

SOAK = os.path.join(ROOT, "tests", "soak")
sys.path.insert(0, SOAK)

from board import ROW, Board, Lines, Log, Run, compare_counts  # noqa: E402
from clients import Client, Cut, Dialler  # noqa: E402
from ears import Heard, notes_of  # noqa: E402
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
    assert "1 kill_ear, 1 kill_page" in done.stdout and "events to listeners: alone " in done.stdout


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


def notes(*words):
    """Notes as "who serial what"; event 1 is from outside, the others are starts of w7."""
    event = {"1": "REMOTE_COMMUNICATION type:t unix-1"}
    return notes_of("".join(f"{w} {event.get(w.split(' ')[1], 'PROCESS_STATE_STARTING processname:w7 g')}\n"
                            for w in words))


HEARD = ("a 0 got", "a 0 done", "a 1 got", "a 1 died", "b 1 got", "b 1 gave", "b 1 got", "b 1 done", "b 2 got", "b 2 done")


@pytest.mark.parametrize("words,kills,size,said", [
    (HEARD, 0, 1, None),
    (HEARD[:-1], 1, 1, None),
    (HEARD[:-1], 0, 1, "p: 1 events were not answered; 0 listeners were killed"),
    (HEARD[:3] + HEARD[4:], 1, 1, None),
    (HEARD[:3] + HEARD[4:], 0, 1, "p: 1 events were not answered"),
    (HEARD[:2] + HEARD[8:], 0, 1, "of 3 events 2 came, [1] did not"),
    (HEARD[:-2], 0, 1, "of 3 events 2 came, [2] did not"),
    (HEARD[:4] + HEARD[8:], 0, 1, "never sent again: [1]"),
    (HEARD + HEARD[:2], 0, 1, "event 0 came again after it was done"),
    (HEARD + ("c 3 got", "c 3 done"), 0, 1, "of 3 events 4 came"),
    (HEARD[8:] + HEARD[:8], 9, 1, "2 events came after later ones: [0, 1]"),
    (("a 2 got", "a 2 done", "b 0 got", "b 0 done", "b 1 got", "b 1 done"), 0, 2, None),
    (("a 2 got", "a 2 done", "a 1 got", "a 1 done", "b 0 got", "b 0 done"), 1, 2, None),
    (("a 2 got", "a 2 done", "a 1 got", "a 1 done", "b 0 got", "b 0 done"), 0, 2, "1 events came after later ones: [1]"),
])
def test_what_listeners_heard(words, kills, size, said):
    heard = Heard("p", size, notes(*words))
    wrong = heard.compare({"events": 3, "discarded": 0}, kills)
    assert not wrong if said is None else len(wrong) == 1 and said in wrong[0], wrong


def test_when_all_was_heard():
    assert Heard("p", 1, notes(*HEARD)).settled(3) and not Heard("p", 1, notes(*HEARD)).settled(4)
    assert not Heard("p", 1, notes(*HEARD[:-1])).settled(3)
    assert not Heard("p", 1, notes(*HEARD[:4], *HEARD[8:])).settled(3)


def test_what_listeners_heard_is_what_was():
    """Starts and ends as supd counts them, and what was sent from outside."""
    heard = Heard("p", 1, notes(*HEARD))
    assert heard.compare_states(["w7"], {"w7": {"starts": 2, "exits": 0}}) == []
    assert heard.compare_states(["w7"], {"w7": {"starts": 3, "exits": 1}}) == \
        ["p: w7: 3 starts, 2 events", "p: w7: 1 exits, 0 events"]
    assert heard.compare_remotes({"unix-1"}, {"unix-1": 1}) == []
    assert "were lost, or came too often: ['unix-2']" in heard.compare_remotes({"unix-1", "unix-2"}, {"unix-1": 1})[0]
    assert "['unix-1']" in heard.compare_remotes(set(), {"unix-1": 0})[0]
    changed = [*notes("a 0 got", "a 0 died"), *notes_of("b 0 got OTHER event\n")]
    assert "p: event 0 was ('PROCESS_STATE_STARTING'," in Heard("p", 1, changed).wrong[0]


class Here:
    """In place of a supd."""
    pid = os.getpid()


def closed(client, *done):
    """What is wrong of one that had the time for some tries."""
    wait(lambda: client.asked + client.cut + len(client.wrong) > 4, 10)
    return client.close(list(done))


def answering(path, answer):
    """Who connects there gets this."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(50)

    def serve():
        with server, contextlib.suppress(OSError):
            while True:
                with server.accept()[0] as c:
                    c.sendall(answer)
    threading.Thread(target=serve, daemon=True).start()
    return server


def test_who_is_refused_or_cut_off(tmp_path):
    path = str(tmp_path / "s")
    assert "FileNotFoundError" in closed(Dialler("d", Here, path))[0]
    server = answering(path, b"12\n")
    assert closed(Dialler("d", Here, path)) == []
    server.shutdown(socket.SHUT_RDWR)
    assert "ConnectionRefusedError" in closed(Dialler("d", Here, path))[0]
    server = answering(str(tmp_path / "c"), b"")
    cut = closed(Dialler("d", Here, str(tmp_path / "c")), "kill_page", "crash")
    assert "times no answer; 1 acts may have done that" in cut[0] and cut[1] == "d: never answered"
    server.shutdown(socket.SHUT_RDWR)


def test_each_act_may_cut_off_once():
    class Once(Client):
        def ask(self):
            if self.asked == 2 and self.cut < 2:
                raise Cut
    assert closed(Once("o", Here, ("crash", "upgrade"), 0), "crash", "upgrade", "signals") == []
    assert closed(Once("o", Here, ("crash",), 0), "crash", "upgrade") == \
        ["o: 2 times no answer; 1 acts may have done that"]
