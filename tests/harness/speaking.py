"""Programs that speak for themselves (tests/tools/sdnotify.c)."""
import os
import shlex

from .beacon import conf
from .supervised import tool


def speaker(name, *words, **keys):
    """A [program:NAME] section that does these words in order, in supd's private folder."""
    keys = {"directory": "%(here)s", **({} if "ready" in keys else {"startsecs": 0}), **keys}
    command = " ".join([tool("sdnotify"), *(shlex.quote(w).replace("%", "%%") for w in words)])
    return "\n".join([f"[program:{name}]", f"command={command}", *(f"{k}={v}" for k, v in keys.items())]) + "\n"


def speak(sup, *words, name="web", **keys):
    """supd with one program that does these words."""
    return sup(conf(speaker(name, *words, **keys)))


def touch(s, name):
    s.write(name, "")


def wait_touched(s, name):
    """Waits until the program has made that file."""
    s.wait(lambda: os.path.exists(s.path(name)), what=lambda: f"the file {name}; log:\n{s.log_text()}")
