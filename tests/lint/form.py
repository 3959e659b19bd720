"""form: clang-format has nothing to change."""
import re
import subprocess


def check(tree):
    paths = tree.files(".c", ".h")
    found = []
    for at in range(0, len(paths), 50):
        done = subprocess.run(["clang-format", "--dry-run", "-Werror"] + paths[at:at + 50],
                              cwd=tree.root, stderr=subprocess.PIPE, text=True)
        found += re.findall(r"^(\S+:\d+):\d+: (?:error|warning)", done.stderr, flags=re.M)
        if done.returncode and not found:
            found.append(done.stderr)
    return [f"{where}: not formatted (clang-format -i)" for where in found]
