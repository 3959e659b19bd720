"""hot: the functions of supervisor/main/hot.list exist, and lie side by side in supd."""
import os
import re
import subprocess

LIST = "supervisor/main/hot.list"


def check_names(tree, names):
    words = set()
    for path in tree.sources():
        words.update(re.findall(r"\w+", tree.read(path)), [os.path.basename(path)])
    return [f"{LIST}: {name} is nowhere; run tests/bench/hot.py" for name in names if name not in words]


def run(*argv):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


def check_program(path, names):
    place = re.search(r"\.text\.hot +PROGBITS +([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+) ",
                      run("readelf", "-SW", path))
    if not place:
        return [f"{path}: has no part .text.hot"]
    begin, size = (int(n, 16) for n in place.groups())
    rows = [line.split() for line in run("nm", path).splitlines()]
    code = [(int(row[0], 16), row[2]) for row in rows if len(row) == 3 and row[1] in "tT"]
    return [f"{path}: {symbol} lies outside .text.hot" for at, symbol in code
            if symbol.split(".")[0] in names and not symbol.endswith(".cold")
            and not begin <= at < begin + size]


def check(tree, build="build"):
    if not tree.exists(LIST):
        return [f"{LIST}: is not there; run tests/bench/hot.py"]
    names = [line for line in tree.read(LIST).splitlines() if line and not line.startswith("#")]
    found = check_names(tree, names)
    path = tree.path(f"{build}/supd")
    if not os.path.exists(path):
        return found + [f"{build}/supd: not built; run ./dev build"]
    return found + check_program(path, set(names))
