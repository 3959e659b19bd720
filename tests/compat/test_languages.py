"""The small languages inside a configuration against Python's own: command splitting (shlex), environment=
(Supervisor's lexer), % formatting, integers, sizes, octals, signals."""
import json
import os
import random
import shlex
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from confdump import ROOT, build_tool, run_batch

pytestmark = pytest.mark.timeout(600)
COUNT = int(os.environ.get("SUPD_TEST_RANDOM", "3000"))
SEED = int(os.environ.get("SUPD_TEST_SEED", "1"))
NAMES = {"a": "text", "b": "\u00e9'%s\"\\\n", "c": "", "n": 5, "m": -37}


@pytest.fixture(scope="module")
def lexdump(tmp_path_factory):
    return build_tool("lexdump", tmp_path_factory.mktemp("tool"))


def random_texts(pieces, longest=14):
    rng = random.Random(SEED)
    return ["".join(rng.choice(pieces) for _ in range(rng.randrange(0, longest))) for _ in range(COUNT)]


def compare(lexdump, mode, texts, reference, message=False):
    answers = run_batch([lexdump, mode], [t.encode().hex() for t in texts])
    wrong = []
    for text, answer in zip(texts, answers):
        try:
            expected = reference(text)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            expected = error
        ours = json.loads(answer)
        failed = isinstance(ours, dict) and list(ours) == ["error"]
        if isinstance(expected, Exception):
            same = failed and (not message or str(expected) in ours["error"])
        else:
            same = not failed and ours == expected
        if not same:
            wrong.append("%r: Python %r, ours %r" % (text, expected, ours))
    assert not wrong, "%d of %d differ:\n%s" % (len(wrong), len(texts), "\n".join(wrong[:30]))


def test_golden_splits(lexdump):
    with open(os.path.join(ROOT, "tests/golden/command-splitting.json")) as f:
        cases = json.load(f)
    answers = run_batch([lexdump, "split"], [c["in"].encode().hex() for c in cases])
    for case, answer in zip(cases, answers):
        expected = {"error": case["error"]} if "error" in case else case["argv"]
        assert json.loads(answer) == expected, case


def test_splits(lexdump):
    pieces = list("ab \t\n'\"\\#;$`*~") + ["foo", " ", "\\\n", "''", '""', "\u00e9", "\u00a0", "\r", "\\'", '\\"']
    compare(lexdump, "split", random_texts(pieces), shlex.split, message=True)


def test_environments(lexdump):
    datatypes = pytest.importorskip("supervisor.datatypes")
    pieces = ["A", "B", "KEY", "=", "=", "=", ",", ",", "1", "x y", '"', '"', "'", "#", "\n", " ", ";", ":", "/", "@", "\\",
              "\u00e9", "$", "A=1,", 'B="v w",', "C='q'", "x#y", "\r\n", "+-.()", "\t"]
    compare(lexdump, "env", random_texts(pieces), datatypes.dict_of_key_value_pairs)


def test_own_environments_agree_where_supervisor_accepts(lexdump):
    datatypes = pytest.importorskip("supervisor.datatypes")

    def accepted(text):
        try:
            return datatypes.dict_of_key_value_pairs(text) is not None
        except ValueError:
            return False
    pieces = ["A=1", ",", ",", "B=", '"x,y"', "KEY", "=", "v", " ", "\n", ";", "'q'", "#c", "@"]
    texts = [t for t in random_texts(pieces, 8) if accepted(t)]
    assert len(texts) > COUNT / 20
    compare(lexdump, "env-own", texts, datatypes.dict_of_key_value_pairs)


@pytest.mark.parametrize("text, expected", [
    ("A=foo@bar", {"A": "foo@bar"}), ("A=a~b,B=a*b", {"A": "a~b", "B": "a*b"}), ("A=b=c", {"A": "b=c"}),
    ('A="say \\"hi\\""', {"A": 'say "hi"'}), ("A=x@y , B='1 2'", {"A": "x@y", "B": "1 2"}),
    ("A=a|b,\n  C={x}", {"A": "a|b", "C": "{x}"}), ("A=x@'y z'", {"A": "x@y z"}),
])
def test_own_environments(lexdump, text, expected):
    assert json.loads(run_batch([lexdump, "env-own"], [text.encode().hex()])[0]) == expected


@pytest.mark.parametrize("text", ["A=", "A=,B=2", "A=1 B=2", "A=1\n B=2", "A", "=x", "A='x", 'A="x', "A=@ B=1"])
def test_own_environments_that_stay_wrong(lexdump, text):
    assert list(json.loads(run_batch([lexdump, "env-own"], [text.encode().hex()])[0])) == ["error"]


def formatted(text):
    done = text % NAMES
    if "\0" in done:
        raise ValueError("a NUL cannot be in a value")
    return done


def test_formats(lexdump):
    pieces = ["%", "%%", "%(a)s", "%(b)s", "%(b)r", "%(c)s", "%(n)d", "%(m)d", "%(", "a)", "n)", "(n)", "m)", "s", "d", "x", "X", "o", "r",
              "c", "i", "u", "e", "f", "g", "5", "05", "-", "+", " ", "#", ".", ".3", "12", "l", "h", "*", "q", "text", "\u00e9",
              "%(n)", "%(m)", "%(a)", "%(nope)s", ")"]
    compare(lexdump, "expand", random_texts(pieces, 9), formatted)


def test_every_number_format(lexdump):
    texts = ["|%%(%s)%s%s%s%s|" % (name, flags, width, precision, conv)
             for name in "nma" for flags in ("", "-", "+", " ", "0", "#", "-0", "+0", "0#", "-#", "+ ", " 0", "-+#0")
             for width in ("", "1", "9") for precision in ("", ".", ".0", ".4") for conv in "sradiuoxXeEfFgGc"]
    compare(lexdump, "expand", texts, formatted)


NUMBERS = ["0", "1", "9", "7", "_", "-", "+", " ", "\t", "o", "x", "b", "0o", "KB", "mb", "Gb", "k", ".", "\n", "\u00a0", "12"]


def bounded(convert):
    def converted(text):
        n = convert(text)
        if not -2**63 < n < 2**63:
            raise OverflowError(n)
        return n
    return converted


def test_numbers(lexdump):
    datatypes = pytest.importorskip("supervisor.datatypes")
    texts = random_texts(NUMBERS, 6)
    compare(lexdump, "int", texts, bounded(datatypes.integer))
    compare(lexdump, "size", texts, bounded(datatypes.byte_size))
    compare(lexdump, "octal", texts, bounded(datatypes.octal_type))


def test_signals(lexdump):
    datatypes = pytest.importorskip("supervisor.datatypes")
    words = ["SIG", "sig", "TERM", "INT", "hup", "RT", "MIN", "MAX", "_DFL", "_", "1", "5", "64", "-", " ", "CHLD", "IO", "USR", "2", "BLOCK"]
    texts = random_texts(words, 4) + [str(n) for n in range(-2, 70)]
    texts += [n for n in dir(__import__("signal")) if n.isupper()]
    compare(lexdump, "signal", texts, lambda t: int(datatypes.signal_number(t)))
