"""What Debian's Supervisor makes of configurations, in the shape of the conformance folders.

Run as a program it reads folder names from standard input and prints one JSON object a line for the
supervisord.conf in each. It has to be started with exactly the environment that the configuration
is to see.
"""
import io
import json
import os
import sys

from supervisor import options
from supervisor.datatypes import Automatic, RestartUnconditionally, RestartWhenExitUnexpected
from supervisor.events import getEventNameByType

SUPERVISORD = ("nodaemon user umask directory logfile logfile_maxbytes logfile_backups loglevel "
               "pidfile identifier childlogdir minfds minprocs nocleanup strip_ansi silent "
               "serverurl").split()
EMPTY = {"groups": [], "servers": [], "supervisord": {}, "warnings": [], "infos": []}


def plain(value):
    if value is Automatic:
        return "AUTO"
    if value is RestartWhenExitUnexpected:
        return "unexpected"
    if value is RestartUnconditionally:
        return True
    return value


def process(config):
    names = config.req_param_names + config.optional_param_names
    return {name: plain(getattr(config, name)) for name in names}


def group(config):
    shown = {"name": config.name, "priority": config.priority, "kind": type(config).__name__,
             "procs": [process(p) for p in config.process_configs]}
    if hasattr(config, "pool_events"):
        shown["buffer_size"] = config.buffer_size
        shown["events"] = sorted(getEventNameByType(e) for e in config.pool_events)
    if hasattr(config, "socket_config"):
        shown["socket"] = config.socket_config.url
    return shown


def view(folder):
    """The configuration in the folder, as Supervisor reads it with the folder as its working one."""
    os.chdir(folder)
    opts = options.ServerOptions()
    opts.stderr = opts.stdout = io.StringIO()
    try:
        opts.realize(["-c", "supervisord.conf"], doc="", progname="supervisord")
    except SystemExit:
        return dict(EMPTY, ok=False, error=opts.stderr.getvalue().rsplit("\nFor help", 1)[0])
    return {"ok": True, "error": None,
            "groups": [group(g) for g in opts.process_group_configs],
            "servers": opts.server_configs,
            "supervisord": {name: getattr(opts, name) for name in SUPERVISORD},
            "warnings": opts.parse_warnings, "infos": opts.parse_infos}


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            shown = view(line.rstrip("\n"))
        except Exception as error:  # what escapes Supervisor's own handling ends its daemon, too
            shown = dict(EMPTY, ok=False, error="%s: %s" % (type(error).__name__, error))
        print(json.dumps(shown), flush=True)
