"""words: no path of one machine, nothing left open, no trailing blanks."""
import re

TEXT = (".c", ".h", ".py", ".md", ".txt", ".conf", ".sh", ".mdoc", ".1", ".5", ".8", ".cmake", ".json",
        ".def", "dev", "run", "Dockerfile")
RULES = (
    (re.compile(r"(?<![\w.-])/(?:work|root|home/\w+)/"), "a path of one machine"),
    (re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b"), "left open: do it, or say in docs what is not done"),
    (re.compile(r"[ \t]+$", flags=re.M), "trailing blank"),
    (re.compile(r"\t"), "a tab"),
)
TABS = (".def", ".md", "Makefile")  # tables copied from programs may hold tabs


def check(tree):
    found = []
    for path in tree.files(*TEXT):
        # rules name what they look for; configurations from the wild stay as they were found
        if path.startswith(("tests/lint/", "tests/golden/", "tests/fuzz/seeds/", "tests/compat/")):
            continue
        text = tree.read(path)
        for pattern, why in RULES:
            if why == "a tab" and (path.endswith(TABS) or not path.endswith((".c", ".h", ".py"))):
                continue
            for m in pattern.finditer(text):
                line = text.count("\n", 0, m.start()) + 1
                found.append(f"{path}:{line}: {why}: {m.group(0).strip()!r}")
    return found
