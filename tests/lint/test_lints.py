"""The house rules hold on this tree, and each of them notices a file that breaks it."""
import json
import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import coverage  # noqa: E402
import failures  # noqa: E402
import run  # noqa: E402
from tree import Tree, strip_comments, table  # noqa: E402

ARCHITECTURE = """
| program | what | shared libraries |
|---|---|---|
| `prog` | a test | libc.so.6 |

| level | folder | also | foreign headers | never | what |
|---|---|---|---|---|---|
| 0 | `supervisor/base` | | | | |
| 1 | `supervisor/core` | | uthash.h | time.h base/log.h | |
| 2 | `supervisor/io` | | ev.h | | |

| what | budget |
|---|---|
| lines of a function, median | 13 |
| lines of a function, 90 % | 40 |
| functions over 60 lines, % | 5 |
| lines of a file | 600 |
"""


@pytest.fixture
def tree(tmp_path):
    """An empty tree with a small architecture page; tree.write(path, text) adds a file."""
    made = Tree(tmp_path)

    def write(path, text):
        full = tmp_path / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text)

    made.write = write
    write("docs/architecture.md", ARCHITECTURE)
    return made


@pytest.mark.timeout(600)  # clang-tidy reads every file
@pytest.mark.parametrize("name", sorted(run.RULES))
def test_tree(name):
    found = run.RULES[name].check(Tree(run.ROOT))
    assert not found, "\n".join(found)


def breaks(rule, tree, *words):
    found = run.RULES[rule].check(tree)
    assert any(all(w in line for w in words) for line in found), found


def holds(rule, tree):
    assert run.RULES[rule].check(tree) == []


@pytest.mark.parametrize("include,why", [
    ('"supervisor/io/loop.h"', "may not include level 2"),
    ("<ev.h>", "foreign"),
    ("<time.h>", "never"),
    ('"supervisor/base/log.h"', "never"),
    ('"supervisor/unknown/x.h"', "no row"),
])
def test_layers_notice(tree, include, why):
    tree.write("supervisor/core/x.c", f"/* x */\n# include {include}\n")
    breaks("layers", tree, "supervisor/core/x.c:2", why)


def test_layers_allow(tree):
    tree.write("supervisor/core/x.c", '#include "supervisor/core/x.h"\n#include "supervisor/base/s.h"\n'
               '#include <string.h>\n#include <uthash.h>\n/* #include <ev.h> */\n#include <sys/queue.h>\n')
    tree.write("supervisor/io/y.c", '#include "supervisor/core/x.h"\n#include <ev.h>\n')
    holds("layers", tree)


def test_layers_need_a_row(tree):
    tree.write("supervisor/new/x.c", "\n")
    breaks("layers", tree, "supervisor/new/x.c", "no row")


COMPARED = """| feature | ours | test | theirs |
|---|---|---|---|
| **a heading** | | | |
| a | yes | test_a.py::test_one, compat/test_b.py::test_two | no |
| b | no, not yet | | ? |
"""


@pytest.mark.parametrize("old,new,words", [
    ("test_a.py::test_one", "test_a.py::test_two", (":4", "there is no test test_two in tests/e2e/test_a.py")),
    ("compat/test_b.py", "test_b.py", (":4", "there is no test test_two in tests/e2e/test_b.py")),
    ("test_a.py::test_one, compat/test_b.py::test_two", "", (":4", "no test for what we can: a")),
    ("no, not yet | |", "no | test_a.py::test_one |", (":5", "a test of what we cannot: b")),
    ("| ? |", "| |", (":5", "an empty cell")),
    ("| ? |", "|", (":5", "3 cells, not 4")),
    ("| b |", "| b | b |", (":5", "5 cells, not 4")),
    (COMPARED, "text\n", ("no rows",)),
])
def test_compared_notices(tree, old, new, words):
    tree.write("tests/e2e/test_a.py", "def test_one(sup):\n    pass\n")
    tree.write("tests/compat/test_b.py", "def test_two(sup):\n    pass\n")
    tree.write("docs/compare-inits.md", COMPARED)
    holds("compared", tree)
    assert old in COMPARED
    tree.write("docs/compare-inits.md", COMPARED.replace(old, new))
    breaks("compared", tree, *words)


FAILURES = "".join(f"| {row} | x | exempt: x | | |\n" for row in failures.ROWS)


def test_failures_notice(tree):
    tree.write("tests/e2e/failure/test_a.py", "def test_one(sup):\n    pass\n\n\nclass TestB:\n    def test_two(self):\n        pass\n")
    tree.write("tests/unit/test_c.c", "static void three(void **state)\n{\n}\n")
    known = "failure/test_a.py::test_one, failure/test_a.py::TestB::test_two, test_c.c::three"
    page = FAILURES.replace("| A1 | x | exempt: x | |", f"| A1 | x | y | {known} |")
    tree.write("docs/failure-modes.md", page)
    holds("failures", tree)
    for name in ("failure/test_a.py::test_two", "failure/test_b.py::test_one", "failure/test_a.py::TestC::test_two",
                 "test_c.c::four"):
        tree.write("docs/failure-modes.md", page.replace(known, name))
        breaks("failures", tree, "docs/failure-modes.md:1", "there is no test", name.split("::", 1)[1])
    tree.write("docs/failure-modes.md", page.replace(known, ""))
    breaks("failures", tree, "A1 names no test")
    tree.write("docs/failure-modes.md", page.replace(known, "test_c.c::three"))
    breaks("failures", tree, "A1 names no test in failure/")
    tree.write("docs/failure-modes.md", page.replace("| B7 |", "| |"))
    breaks("failures", tree, "there is no row B7")


def function(name, lines):
    return f"int {name}(void)\n{{\n" + "    ;\n" * (lines - 3) + "}\n"


def test_sizes_notice_long_functions(tree):
    tree.write("supervisor/base/a.c", "".join(function(f"f{i}", 5) for i in range(8)) + function("g", 61) + function("h", 62))
    breaks("sizes", tree, "g has 61 lines")
    breaks("sizes", tree, "90 %")


def test_sizes_notice_the_median(tree):
    tree.write("supervisor/base/a.c", "".join(function(f"f{i}", 14) for i in range(10)))
    breaks("sizes", tree, "median is 14")


def test_sizes_notice_long_files(tree):
    tree.write("supervisor/base/a.c", function("f", 5))
    holds("sizes", tree)
    tree.write("tests/unit/test_a.c", "\n" * 601)
    breaks("sizes", tree, "tests/unit/test_a.c: 601 lines")


def compile_(tree, *flags):
    tree.write("prog.c", "#include <string.h>\ndouble cbrt(double);\nint main(int c, char **v)\n"
               "{ char b[9];\n#ifdef MATH\nreturn (int)cbrt(c);\n#endif\n"
               "memcpy(b, v[0], (size_t)c); return strcmp(b, v[1]); }\n")
    os.makedirs(tree.path("build"), exist_ok=True)
    subprocess.run(["gcc", "-fPIE", "-pie", "-O2", "-U_FORTIFY_SOURCE", "-o", tree.path("build/prog"),
                    tree.path("prog.c"), *flags], check=True)


LINKED = ("-Wl,-z,relro", "-Wl,-z,now")
FORTIFIED = ("-D_FORTIFY_SOURCE=3",)
PROTECTED = ("-fstack-protector-strong",)
HARD = LINKED + FORTIFIED + PROTECTED


@pytest.mark.parametrize("flags,words", [
    ((*HARD, "-DMATH", "-lm"), ("links libm.so.6",)),
    (("-Wl,-z,lazy",), ("lacks full RELRO",)),
    ((*HARD, "-Wl,-z,norelro"), ("lacks RELRO",)),
    (LINKED + PROTECTED, ("not fortified",)),
    (LINKED + FORTIFIED + ("-fno-stack-protector",), ("stack protector",)),
    ((*HARD, "-no-pie"), ("not a PIE",)),
    ((*HARD, "-z", "execstack"), ("executable stack",)),
    (("-static-pie", *HARD), ("not dynamically linked",)),
])
def test_needed_notices(tree, flags, words):
    compile_(tree, *flags)
    breaks("needed", tree, *words)


def test_hot_notices(tree):
    tree.write("supervisor/main/hot.list", "# a comment\nmain\ngone\nprog.c\n")
    compile_(tree, *HARD, "-ffunction-sections")
    os.rename(tree.path("build/prog"), tree.path("build/supd"))
    breaks("hot", tree, "gone", "nowhere")
    breaks("hot", tree, "no part .text.hot")
    tree.write("supervisor/main/hot.list", "main\n_start\n")
    tree.write("hot.ld", "SECTIONS { .text.hot : { *(.text.startup.main .text.main) } } INSERT BEFORE .text;")
    compile_(tree, *HARD, "-ffunction-sections", "-Wl,-T," + tree.path("hot.ld"))
    os.rename(tree.path("build/prog"), tree.path("build/supd"))
    breaks("hot", tree, "_start lies outside")
    tree.write("supervisor/main/hot.list", "main\n")
    holds("hot", tree)


def test_needed_allows(tree):
    breaks("needed", tree, "not built")
    compile_(tree, *HARD)
    holds("needed", tree)
    tree.write("docs/architecture.md", ARCHITECTURE.replace("libc.so.6", "libc.so.6 libz.so.1"))
    breaks("needed", tree, "libz.so.1", "does not link")


@pytest.mark.parametrize("path,text", [
    ("supervisor/base/a.c", "void f(char *d, char *s) { strcpy(d, s); }\n"),
    ("supervisor/base/a.c", "void f(void) { signal (2, 0); }\n"),
    ("supervisor/run/a.c", "void f(void) { exit(1); }\n"),
    ("tests/unit/test_a.c", "void f(void) { usleep(1); }\n"),
    ("tests/e2e/test_a.py", "import time\ntime.sleep(1)\n"),
    ("tests/e2e/test_a.py", "run('pkill supd')\n"),
    ("tests/e2e/test_a.py", "run('ls', shell=True)\n"),
])
def test_banned_notice(tree, path, text):
    tree.write(path, text)
    breaks("banned", tree, path)


def test_banned_allow(tree):
    tree.write("supervisor/base/a.c", '/* strcpy(a, b) */ char *s = "system(x)"; void f(void) '
               "{ p->signal(1); my_exit(0); signal(sig, SIG_DFL); }\n")
    tree.write("supervisor/main/a.c", "int main(void) { exit(0); }\n")
    tree.write("tests/e2e/test_a.py", "WORKER = 'import time; time.sleep(1)'\n")
    tree.write("tests/tools/slow.c", "int main(void) { sleep(1); }\n")
    holds("banned", tree)


# written in pieces, so that the rule does not find this file
@pytest.mark.parametrize("text", ["see /" + "work/x", "cd /" + "root/a", "// TO" + "DO later", "int a; \n",
                                  "\tint a;\n"])
def test_words_notice(tree, text):
    tree.write("supervisor/base/a.c", text)
    breaks("words", tree, "supervisor/base/a.c:1")


def test_words_allow(tree):
    tree.write("supervisor/base/a.c", 'char t[] = "/tmp/supd-XXXXXX";\n')
    tree.write("docs/a.md", "/srv/network/x and ~/workspace\n")
    holds("words", tree)


def test_form_notices(tree):
    with open(os.path.join(run.ROOT, ".clang-format"), encoding="utf-8") as f:
        tree.write(".clang-format", f.read())
    tree.write("supervisor/base/a.c", "int a;\n")
    holds("form", tree)
    tree.write("supervisor/base/a.c", "int  a ;\n")
    breaks("form", tree, "supervisor/base/a.c:1")


def tidy_tree(tree, text):
    with open(os.path.join(run.ROOT, ".clang-tidy"), encoding="utf-8") as f:
        tree.write(".clang-tidy", f.read())
    tree.write("supervisor/base/a.c", text)
    tree.write("build/compile_commands.json", json.dumps(
        [{"directory": tree.root, "file": tree.path("supervisor/base/a.c"), "command": "gcc -c supervisor/base/a.c"}]))


def test_tidy_notices(tree):
    tidy_tree(tree, "int f(int a);\nint f(int a)\n{\n    if (a == a)\n        return 1;\n    return 0;\n}\n")
    breaks("tidy", tree, "supervisor/base/a.c:4", "misc-redundant-expression")


def test_tidy_allows(tree):
    breaks("tidy", tree, "run ./dev build")
    tidy_tree(tree, "int f(int a);\nint f(int a)\n{\n    return a + 1;\n}\n")
    holds("tidy", tree)


# plays supd: bad.conf has an error; what says odd is printed differently each time
STAND_IN = """#!/bin/sh
case "$1 $3" in
"--check "*bad.conf) echo 'bad.conf:1: wrong'; exit 2 ;;
--check*) exit 0 ;;
*) sed "s/odd/odd odd/" "$3" ;;
esac
"""


def test_confd_notices(tree):
    breaks("confd", tree, "not built")
    tree.write("build/supd", STAND_IN)
    os.chmod(tree.path("build/supd"), 0o755)
    breaks("confd", tree, "no examples")
    tree.write("conf.d/good.conf", "[x]\n")
    holds("confd", tree)
    tree.write("conf.d/bad.conf", "[x\n")
    breaks("confd", tree, "bad.conf:1: wrong")
    os.unlink(tree.path("conf.d/bad.conf"))
    tree.write("conf.d/odd.conf", "[odd]\n")
    breaks("confd", tree, "odd.conf", "does not parse to the same")


PAGE = """.Dd November 23, 2026
.Dt X 1
.Os
.Sh NAME
.Nm x
.Nd nothing
.Sh DESCRIPTION
.Fl \\-watch
.Ss [program:x]
.Bl -tag -width Ds
.It Ic status
A word.
.It Ic backoff Ns = Ns Ar duration
A wait.
Not in Supervisor.
.El
"""


def script(tree, path, text):
    tree.write(path, "#!/bin/sh\n" + text)
    os.chmod(tree.path(path), 0o755)


@pytest.fixture
def documented(tree):
    script(tree, "build/supd", "case $1 in --help) echo ' --watch' ;; *) echo 'backoff = 1s' ;; esac\n")
    script(tree, "build/supctl", "case $1 in help) echo '  status   shows' ;; *) echo ' --watch' ;; esac\n")
    for page in ("build/man/supd.conf.5", "docs/man/supd.8", "build/man/supctl.1"):
        tree.write(page, PAGE.replace(".Dt X 1", f".Dt X {page[-1]}"))
    tree.write("conf.d/all-keys.conf", "[program:x]\n;backoff=1s\n")
    return tree


def test_pages_allow(documented):
    holds("pages", documented)


@pytest.mark.parametrize("path,old,new,words", [
    ("build/man/supctl.1", ".It Ic status\n", ".It Ic state\n", ("supctl.1", "command status")),
    ("docs/man/supd.8", ".Fl \\-watch\n", "", ("supd.8", "no word of --watch")),
    ("docs/man/supd.8", ".Sh NAME\n", "", ("supd.8", "NAME")),
    ("build/man/supd.conf.5", ".It Ic backoff", ".It Ic other", ("option backoff",)),
    ("build/man/supd.conf.5", "Not in Supervisor.\n", "", ("no option is said to be ours",)),
    ("conf.d/all-keys.conf", "[program:x]\n", "[other:x]\n", ("all-keys.conf", "[program] backoff")),
    ("conf.d/all-keys.conf", ";backoff=1s\n", "", ("all-keys.conf", "[program] backoff")),
])
def test_pages_notice(documented, path, old, new, words):
    text = documented.read(path)
    assert old in text
    documented.write(path, text.replace(old, new))
    breaks("pages", documented, *words)


def test_pages_notice_a_missing_page(documented):
    os.unlink(documented.path("build/man/supctl.1"))
    breaks("pages", documented, "build/man/supctl.1: not there")


def test_coverage_judges():
    lines, below = coverage.judge({"a": [9, 10], "b": [1, 10], "c": [0, 5]}, {"a": 90, "b": 11, "gone": 1})
    assert below == ["b", "gone"]
    assert "90.0 %" in lines[0] and "floor 11 %" in lines[1] and "floor" not in lines[2]


def test_tables_are_read():
    rows = table("text\n| a | b |\n|---|---|\n| `x` | 1 |\n| y | |\n\n| c | b |\n|---|---|\n| z | 2 |\n", "a")
    assert rows == [{"a": "x", "b": "1"}, {"a": "y", "b": ""}]


def test_comments_are_stripped():
    assert strip_comments('a; /* b\nc */ d("x(y");').split() == ["a;", "d(\"", "\");"]
    assert strip_comments('"//" + 1', strings=False) == '"//" + 1'


def test_runner_fails_on_an_unknown_rule():
    assert run.main(["nonsense"]) == 2
