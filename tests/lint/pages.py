"""pages: the man pages are sound, and name every command and every option of ours."""
import os
import re
import subprocess

WARNING = re.compile(r"^mandoc: (\S+?:\d+:\d+): (?:WARNING|ERROR|UNSUPP): (.*)$", re.M)
WHOLE = ("supd", "agent", "program")  # what the example has all options of
OTHER_PAGE = "referenced manual not found"


def lint(paths):
    out = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"] + paths, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True).stdout
    return [f"{m.group(1)}: {m.group(2)}" for m in WARNING.finditer(out) if OTHER_PAGE not in m.group(2)]


def text_of(path):
    out = subprocess.run(["mandoc", "-T", "utf8", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.sub(r".\x08", "", out)


def commands(program):
    """The commands that `supctl help` lists."""
    out = subprocess.run([program, "help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.findall(r"^  ([a-z]+)  +\S", out, re.M)


def options(program, config):
    """The options that the printed form of a configuration holds."""
    out = subprocess.run([program, "--dump-config", "-c", config], stdout=subprocess.PIPE, text=True).stdout
    return set(re.findall(r"^([a-z_]+)\s*=", out, re.M))


def ours(page_text):
    """The options that a page marks as not Supervisor's: (kind of section, name)."""
    found, section, name = set(), "", ""
    for line in page_text.splitlines():
        if line.startswith(".Ss ["):
            section = line[4:].strip("[]").split(":")[0]
        elif line.startswith(".It Ic "):
            name = line.split()[2]
        elif line == "Not in Supervisor.":
            found.add((section, name))
    return found


def written(example):
    """The options that stand in an example, in a comment or not: (kind of section, name)."""
    found, section = set(), ""
    for line in example.splitlines():
        head, option = re.match(r";?\[(\w+)", line), re.match(r";?([a-z_]+)=", line)
        section = head.group(1) if head else section
        if option:
            found.add((section, option.group(1)))
    return found


def entries(page_text):
    return set(re.findall(r"^\.It Ic (\S+)", page_text, re.M))


def check_commands(tree, build, page):
    known = entries(tree.read(page))
    return [f"{page}: no entry for the command {c}" for c in commands(tree.path(f"{build}/supctl"))
            if c not in known]


def check_options(tree, build, page, example):
    """The page has every option that supd prints; the example has every option that is ours."""
    text = tree.read(page)
    shown = options(tree.path(f"{build}/supd"), tree.path(example))
    found = [f"{page}: no entry for the option {o}" for o in sorted(shown - entries(text))]
    if not shown:
        found.append(f"{example}: supd prints no option of it")
    if not ours(text):
        found.append(f"{page}: no option is said to be ours")
    return found + [f"{example}: [{s}] {name} is not in it"
                    for s, name in sorted(ours(text) - written(tree.read(example))) if s in WHOLE]


def missing_flags(program, page):
    """Every --option of `PROGRAM --help` stands in the page."""
    out = subprocess.run([program, "--help"], stdout=subprocess.PIPE, text=True).stdout
    text = text_of(page)
    return [f"{os.path.basename(page)}: no word of {flag}"
            for flag in sorted(set(re.findall(r"--[a-z][a-z-]+", out))) if flag not in text]


def check(tree, build="build"):
    options_page, example = f"{build}/man/supd.conf.5", "conf.d/all-keys.conf"
    wanted = [f"{build}/supd", f"{build}/supctl", options_page, example, "docs/man/supd.8",
              f"{build}/man/supctl.1"]
    absent = [f"{p}: not there; run ./dev build" for p in wanted if not tree.exists(p)]
    if absent:
        return absent
    pages = [tree.path(p) for p in tree.files(".1", ".5", ".8", under="docs/man/")]
    found = lint(pages + [tree.path(options_page), tree.path(f"{build}/man/supctl.1")])
    for name, page in (("supd", "docs/man/supd.8"), ("supctl", f"{build}/man/supctl.1")):
        found += missing_flags(tree.path(f"{build}/{name}"), tree.path(page))
    return found + check_commands(tree, build, f"{build}/man/supctl.1") \
        + check_options(tree, build, options_page, example)
