"""The configuration reader against Python's configparser, set up as Supervisor sets it up, on
thousands of random files."""
import configparser
import json
import os
import random
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from confdump import build_tool, run_batch

pytestmark = pytest.mark.timeout(600)
FILES = int(os.environ.get("SUPD_TEST_RANDOM", "3000"))
SEED = int(os.environ.get("SUPD_TEST_SEED", "1"))
PIECES = ["[", "]", "=", ":", ";", "#", " ", "  ", "\t", "    ", "a", "b", "Key", "COMMAND", "value", "x y", "\n", "\n", "\n", "\r\n",
          "\r", " ;", " #", "\t;", "\t#", "[s]\n", "[t:u]\n", "[DEFAULT]\n", "a=1\n", " b : 2\n", "  c = 3 ; d\n", "k=\n", "=v\n",
          "\u00e9", "\u00a0", "\u2003", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "%", "'", "\"", "\\", "\\\n", ";c\n", "#c\n", "   #c\n",
          "x" * 120, "y" * 250, "\n\n", " \n", "[" + "n" * 60 + "]\n", "q" * 95 + "=1\n", "word", ",", "]", "\x01", "\x01=\x01", " \x01"]
LINES = ["[s]", "[t:u]", "[s] ; c", " [v]", "[DEFAULT]", "a=1", "b = 2", "A:3", "  c = 4", "    d", "\te", "", " ", ";c", "  # c", "f=x ; y",
         "g=x;y", "h=;x", "i= ;x", "j=a;b ;c #d", "k=a#b #c ;d", "l=" + "w" * 300, "  " + "z" * 220, "m" * 100 + "=1", "[" + "o" * 80 + "]",
         "n=1]", "[p", "r=[s]", "\u00a0 q=1", "s\u00a0=\u00a01", "t=\x0b1", "u==v", "v=:w", "  [w]", "x=1\\", "=y", "nodelim"]


def by_pieces(rng):
    return "".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 60)))


def by_lines(rng):
    weights = [3] * (len(LINES) - 2) + [0.15, 0.15]
    end = rng.choice(["\n", "\n", "\r\n", "\r"])
    lines = rng.choices(LINES, weights, k=rng.randrange(1, 30))
    return "[s]" + end + end.join(" " * rng.choice([0, 0, 0, 1, 2, 4]) + line for line in lines) + rng.choice(["", end])


def theirs(path):
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";", "#"))
    try:
        with open(path, encoding="utf-8") as f:
            parser.read_file(f)
    except (configparser.Error, AttributeError):  # AttributeError: Python's own fault at a "=v" line
        return "error"
    shown = [["DEFAULT", [[k, v] for k, v in parser.defaults().items()]]]
    return shown + [[s, [[k, v] for k, v in parser._sections[s].items()]] for s in parser.sections()]


def without_lines(shown):
    return shown if shown == "error" else [[s, [[k, v] for k, v, _ in keys]] for s, keys in shown]


def test_random_files(tmp_path):
    paths = []
    for seed in range(SEED, SEED + FILES):
        rng = random.Random(seed)
        path = str(tmp_path / ("%05d.conf" % seed))
        with open(path, "w", encoding="utf-8", newline="") as f:
            f.write(by_pieces(rng) if seed % 3 == 0 else by_lines(rng))
        paths.append(path)
    ours = [json.loads(line) for line in run_batch([build_tool("inidump", tmp_path)], paths)]
    wrong, good = [], 0
    for path, shown in zip(paths, ours):
        expected = theirs(path)
        good += expected != "error"
        if without_lines(shown) != expected:
            wrong.append("%s\n  %r\n  configparser %s\n  ours         %s" % (
                path, open(path, "rb").read()[:400], expected, without_lines(shown)))
    assert not wrong, "%d of %d differ:\n%s" % (len(wrong), len(paths), "\n".join(wrong[:10]))
    assert good > FILES / 10, "too few of the random files are valid"


def test_line_numbers(tmp_path):
    """Every key of a file with comments, continuations and odd line ends is found at its own line."""
    rng = random.Random(7)
    text, expected, line = "[s]\n", {}, 1
    for i in range(2000):
        for _ in range(rng.randrange(0, 3)):
            text += rng.choice(["; c\n", "\n", "   # c\r\n"])
            line += 1
        line += 1
        expected["k%d" % i] = line
        text += "k%d = %s%s" % (i, "v" * rng.choice([1, 10, 199, 500]), rng.choice(["\n", "\r\n"]))
        for _ in range(rng.randrange(0, 3)):
            text += "   more %s\n" % ("w" * rng.choice([1, 300]))
            line += 1
    path = tmp_path / "numbers.conf"
    with open(path, "w", newline="") as f:
        f.write(text)
    shown = json.loads(run_batch([build_tool("inidump", tmp_path)], [str(path)])[0])
    assert {k: n for k, _, n in shown[1][1]} == expected
