"""Single attempts of probes, made by the tool that runs the product's own drivers."""
import json
import os
import subprocess

from harness.supervised import build_dir


def probe_once(folder, sections, runs=1, quiet=0, timeout=100, prefix=()):
    """Writes [probe:N] sections (name -> options), runs each so often; a list of dicts, one an attempt.
    prefix: a command that runs the tool."""
    path = os.path.join(str(folder), "probe.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write("[supervisord]\n")
        for name, options in sections.items():
            f.write(f"[probe:{name}]\n")
            f.writelines(f"{key}={value}\n" for key, value in options.items())
    os.chmod(path, 0o644)
    done = subprocess.run([*prefix, os.path.join(build_dir(), "tests", "probeonce"), path, str(runs), str(quiet)],
                          capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
