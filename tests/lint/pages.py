"""pages: the man pages are sound, and name every command and every option of ours."""
import os
import re
import subprocess

WARNING = re.compile(r"^mandoc: (\S+?:\d+:\d+): (?:WARNING|ERROR|UNSUPP): (.*)$", re.M)
OTHER_PAGE = "referenced manual not found"


def lint(paths):
    out = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"] + paths, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True).stdout
    return [f"{m.group(1)}: {m.group(2)}" for m in WARNING.finditer(out) if OTHER_PAGE not in m.group(2)]


def text_of(path):
    out = subprocess.run(["mandoc", "-T", "utf8", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.sub(r".\x08", "", out)


def check(tree, build="build"):
    pages = [tree.path(p) for p in tree.files(".1", ".5", ".8", under="docs/man/")]
    made = [tree.path(f"{build}/man/{p}") for p in ("supctl.1", "supd.conf.5")]
    absent = [f"{p}: not built; run ./dev build" for p in made if not os.path.exists(p)]
    found = lint(pages + [p for p in made if os.path.exists(p)]) + absent
    for program, page in (("supd", "supd.8"), ("supctl", "supctl.1")):
        where = tree.path(f"docs/man/{page}" if program == "supd" else f"{build}/man/{page}")
        if os.path.exists(where) and tree.exists(f"{build}/{program}"):
            found += missing_flags(tree.path(f"{build}/{program}"), where)
    return found


def missing_flags(program, page):
    """Every --option of `PROGRAM --help` stands in the page."""
    help_text = subprocess.run([program, "--help"], stdout=subprocess.PIPE, text=True).stdout
    text = text_of(page)
    return [f"{os.path.basename(page)}: no word of {flag}" for flag in
            sorted(set(re.findall(r"--[a-z][a-z-]+", help_text))) if flag not in text]
