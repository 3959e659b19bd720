"""The real supd-agent below a supd: asked who it is, and killed."""
import json


def ping(s):
    """What the agent answers, or None while there is none."""
    done = s.ctl("--json", "agent", "ping")
    return json.loads(done.stdout) if done.returncode == 0 else None


def again(s, wait=True):
    """Kills the agent; returns when the next one is there. The pid of the old one."""
    old = s.wait(lambda: ping(s))["pid"]
    s.kill(old)
    if wait:
        s.wait(lambda: (ping(s) or {"pid": old})["pid"] != old)
    return old
