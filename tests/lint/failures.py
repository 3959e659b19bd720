"""failures: every case has its row in docs/failure-modes.md, and a test in failure/; all that it names exist."""
import os
import re

PAGE = "docs/failure-modes.md"
ROWS = [f"{letter}{n}" for letter, last in zip("ABCDEF", (10, 19, 12, 10, 7, 10)) for n in range(1, last + 1)]


def defined(tree, path, name):
    """True if the file has this test: a function, in a class for "Class::test_x"."""
    if not tree.exists(path):
        return False
    text = tree.read(path)
    *outer, last = name.split("::")
    if path.endswith(".c"):
        return re.search(rf"^static void {last}\(", text, re.M) is not None
    return re.search(rf"^{'    ' if outer else ''}def {last}\(", text, re.M) is not None and \
        all(re.search(rf"^class {o}\b", text, re.M) for o in outer)


def named(cell):
    """The tests that a cell names: (file, test)."""
    return re.findall(r"([\w/]+\.(?:py|c))::([\w:]+)", cell)


def missing(tree, where, names):
    """What is wrong with those of the named tests that do not exist."""
    found = []
    for path, name in names:
        folders = ("tests/unit", "tests/sim") if path.endswith(".c") else \
            ("tests",) if path.startswith("compat/") else ("tests/e2e",)
        if not any(defined(tree, os.path.join(folder, path), name) for folder in folders):
            found.append(f"{where}: there is no test {name} in {folders[0]}/{path}")
    return found


def check(tree):
    if not tree.exists(PAGE):
        return []
    found, rows = [], []
    for number, line in enumerate(tree.read(PAGE).splitlines(), 1):
        cells = [c.strip() for c in line.strip("|").split("|")]
        if not re.fullmatch(r"[A-F]\d+|-", cells[0]):
            continue
        rows.append(cells[0])
        names = named(cells[3])
        if not names and "exempt" not in cells[2]:
            found.append(f"{PAGE}:{number}: {cells[0]} names no test and is not exempt")
        if names and cells[0] != "-" and not any(path.startswith("failure/") for path, _ in names):
            found.append(f"{PAGE}:{number}: {cells[0]} names no test in failure/")
        found += missing(tree, f"{PAGE}:{number}", names)
    return found + [f"{PAGE}: there is no row {row}" for row in ROWS if row not in rows]
