"""confd: every example in conf.d is a configuration without a complaint, and prints itself back."""
import os
import subprocess
import tempfile


def supd(program, *args):
    done = subprocess.run([program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr.strip()


def check_one(program, path, shown):
    code, out, err = supd(program, "--check", "-c", path)
    if code != 0 or "warning: " in out:
        return [f"{shown}: --check ends with {code}: {out}{err}"]
    code, text, err = supd(program, "--dump-config", "-c", path)
    if code != 0 or not text:
        return [f"{shown}: --dump-config ends with {code}: {err}"]
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as again:
        again.write(text)
        again.flush()
        code, second, err = supd(program, "--dump-config", "-c", again.name)
    return [] if second == text else [f"{shown}: its printed form does not parse to the same: {err}"]


def check(tree, build="build"):
    program = tree.path(f"{build}/supd")
    if not os.path.exists(program):
        return [f"{build}/supd: not built; run ./dev build"]
    paths = tree.files(".conf", under="conf.d/")
    if not paths:
        return ["conf.d: no examples"]
    return [line for p in paths for line in check_one(program, tree.path(p), p)]
