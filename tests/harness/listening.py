"""Event listeners in configurations of tests, and what they got."""
import json
import os

from .supervised import ROOT

PROGRAM = os.path.join(ROOT, "tests", "harness", "listener.py")
CONF = "[supervisord]\nchildlogdir=%(here)s\n"
REMOTE = "REMOTE_COMMUNICATION"
BEGIN, END = "<!--XSUPERVISOR:BEGIN-->", "<!--XSUPERVISOR:END-->"
# w sends one event of more than a pipe holds
LARGE = f"""
[program:w]
command=/bin/sh -c "printf '{BEGIN}'; head -c 300000 /dev/zero | tr '\\0' x; printf '{END}'; exec sleep 1000"
stdout_capture_maxbytes=2MB
autostart=false
startsecs=0
"""
HEAD = ("ver", "server", "serial", "pool", "poolserial", "eventname", "len")


def listener(name, events, *words, **keys):
    """A section whose listener records into NAME.events of the private folder."""
    command = " ".join(["/usr/bin/python3", "-S", PROGRAM, f"%(here)s/{name}.events", *words])
    keys = {"command": command, "events": events, "startsecs": 0, "autorestart": "true", **keys}
    return f"[eventlistener:{name}]\n" + "".join(f"{k}={v}\n" for k, v in keys.items())


def events(s, name="l"):
    """What it got so far, oldest first. A line that is being written is left out."""
    text = s.read(f"{name}.events")
    return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]


def wait_events(s, count, name="l", timeout=20):
    """The first so many events, once they are there."""
    s.wait(lambda: len(events(s, name)) >= count, timeout,
           lambda: f"{count} events for {name}: {short(events(s, name))}; log:\n{s.log_text()}")
    return events(s, name)


def wait_event(s, what, name="l", timeout=20):
    """The first event whose payload has this text."""
    def there():
        return next((e for e in events(s, name) if what in e["payload"]), None)
    return s.wait(there, timeout, lambda: f"{what!r} for {name}: {short(events(s, name))}; log:\n{s.log_text()}")


def short(got):
    """(type, payload) of each."""
    return [(e["eventname"], e["payload"]) for e in got]


def go(s, name="l", what="go"):
    s.write(f"{name}.events.{what}", "")


def in_order(got):
    """Serials of the pool count up by one."""
    return [int(e["poolserial"]) for e in got] == list(range(int(got[0]["poolserial"]),
                                                              int(got[0]["poolserial"]) + len(got)))
