"""What every rule needs: the files of a tree, its tables, and C text without comments."""
import os
import re
import subprocess

SKIP = ("build", ".git", "__pycache__")


class Tree:
    """A checkout, or a folder that a test made; paths are relative to its root."""

    def __init__(self, root):
        self.root = os.path.abspath(root)

    def path(self, rel):
        return os.path.join(self.root, rel)

    def read(self, rel):
        with open(self.path(rel), encoding="utf-8", errors="replace") as f:
            return f.read()

    def exists(self, rel):
        return os.path.exists(self.path(rel))

    def files(self, *endings, under=""):
        """Files with one of the endings, tracked or not, except what git ignores."""
        names = self._listed() if self.exists(".git") else self._walked()
        return sorted(n for n in names if n.startswith(under) and n.endswith(endings or ("",)))

    def _listed(self):
        out = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"],
            cwd=self.root, stdout=subprocess.PIPE, check=True, text=True).stdout
        return [n for n in out.split("\0") if n and os.path.isfile(self.path(n))]

    def _walked(self):
        found = []
        for folder, dirs, names in os.walk(self.root):
            dirs[:] = [d for d in dirs if not d.startswith(SKIP)]
            found += [os.path.relpath(os.path.join(folder, n), self.root) for n in names]
        return found

    def sources(self):
        """C files of the product: not those of the tests."""
        return [f for f in self.files(".c", ".h") if not f.startswith("tests/")]


def table(markdown, first_column):
    """The rows of the table whose head starts with first_column, as dicts; backquotes removed."""
    rows, head = [], None
    for line in markdown.splitlines():
        cells = [c.strip().replace("`", "") for c in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            head = None
        elif head is None:
            head = cells
        elif head[0] == first_column and not set(cells[0]) <= set("-: "):
            rows.append(dict(zip(head, cells)))
    return rows


def strip_comments(text, strings=True):
    """C text with comments (and the insides of strings) blanked; line numbers stay."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(m):
        found = m.group(0)
        if found[0] in "\"'":
            return found[0] + " " * (len(found) - 2) + found[0] if strings else found
        return re.sub(r"[^\n]", " ", found)

    return re.sub(pattern, blank, text, flags=re.S)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1
