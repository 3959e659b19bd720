"""Twelve configurations as people have them, started as they start them; what they call is played by
small programs that tell with which words and variables they were called."""
import os
import re
import signal
import subprocess

import supervisor

from ..daemons import LIMIT
from ..house import House, spoken

STUB = """#!/bin/sh
echo "${0##*/} speaks"
echo "${0##*/} complains" >&2
{
    printf '%s' "${0##*/}"
    for word in "$@"; do printf ' [%s]' "$word"; done
    printf ' in %s' "$PWD"
    for name in $TELL; do eval "value=\\${$name-unset}"; printf ' %s=%s' "$name" "$value"; done
    id -un | tr '\\n' ' '
    umask
} | tr '\\n' '~' | sed 's/~$/\\n/' >> /run/w/$WORLD/calls
exec sleep 1000
"""
NAMES = ("php nginx php-fpm gunicorn celery airflow cron queue-worker rsyslogd start.sh portsyncd node "
         "redis-server").split()

LARAVEL = """[supervisord]
nodaemon=true
[program:laravel-worker]
process_name=%(program_name)s_%(process_num)02d
command=php /home/forge/app.com/artisan queue:work sqs --sleep=3 --tries=3 --max-time=3600
autostart=true
autorestart=true
stopasgroup=true
killasgroup=true
user=www-data
numprocs=8
redirect_stderr=true
stdout_logfile=/run/w/laravel/worker.log
stopwaitsecs=3600
"""
WORKERS = """[supervisord]
nodaemon=true
[program:queue]
process_name=%(program_name)s_%(process_num)s
command=queue-worker --sleep=%(ENV_QUEUE_SLEEP)s --timeout=%(ENV_QUEUE_TIMEOUT)s
numprocs=%(ENV_QUEUE_WORKERS)s
stopwaitsecs=%(ENV_QUEUE_TIMEOUT)s
priority=30  # Start after nginx
inherit=defaults
stdout_logfile=/dev/stdout
stdout_logfile_maxbytes=0
stderr_logfile=/dev/stderr
stderr_logfile_maxbytes=0
"""
AIRFLOW = """[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[unix_http_server]
file=/run/w/airflow/supervisord.sock

[supervisord]
logfile=/run/w/airflow/supervisord.log
pidfile=/run/w/airflow/supervisord.pid
environment =
    AIRFLOW_HOME=/usr/lib/airflow/airflow,
    PYTHONPATH=/home/iBridges/

[program:airflow-scheduler]
command=airflow scheduler
autorestart=true
startretries=3
stderr_logfile=/run/w/airflow/scheduler.err.log
stdout_logfile=/run/w/airflow/scheduler.out.log

[program:airflow-webserver]
command = airflow webserver -p 8080
user = www-data
"""
SLASHES = """[supervisord]
logfile=/dev/null
nodaemon=true
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[unix_http_server]
file = /run/w/slashes/supervisord.sock
[supervisorctl]
serverurl=unix:////run/w/slashes/supervisord.sock
[program:node]
command=node
    server.js
    --port 3000
directory=/usr/lib
"""
NGINX = """[supervisord]
nodaemon=true
silent=true
user=root
logfile=/dev/null
logfile_maxbytes=0
pidfile=/run/w/nginx/supervisord.pid

[program:php-fpm]
command=php-fpm -F # Run PHP FPM
autostart=true
autorestart=unexpected
stdout_logfile= /dev/stdout
stdout_logfile_maxbytes=0
stderr_logfile=/dev/stderr
stderr_logfile_maxbytes=0

[program:nginx]
command=nginx -g 'daemon off;'
stdout_logfile=/dev/fd/1
stdout_logfile_maxbytes=0
redirect_stderr=true

[program:setup]
command=sh -c "echo set up; exit 0"
startsecs=0
autorestart=false
stdout_logfile=/dev/stdout
stdout_logfile_maxbytes=0
"""
COLUMNS = """[supervisord]
nodaemon=true                   ; (start in foreground if true;default false)
logfile=/run/w/columns/log      # Run
loglevel=info                   ; (log level;default info; others: debug,warn)
minfds=1024                     ; (min. avail startup file descriptors;default 1024)

[program:php]                   ; the workers
command=php -a # Run PHP
stdout_logfile_maxbytes=5MB     ; Keep 5MB
stdout_logfile=/run/w/columns/php.log	; with a tab before
process_name=%(program_name)s   # the default
startsecs=1 ; a comment;not two
"""
SONIC = """[supervisord]
logfile_maxbytes=1MB
logfile_backups=2
nodaemon=true

[program:rsyslogd]
command=rsyslogd -n -iNONE
priority=1
autostart=true
autorestart=unexpected
exitcodes=0,3
stdout_logfile=NONE
stderr_logfile=NONE
dependent_startup=true

[program:portsyncd]
command=portsyncd
priority=5
autostart=true
autorestart=false
exitcodes=0,3
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
dependent_startup=true
dependent_startup_wait_for=rsyslogd:running wait-interfaces:exited

[program:wait-interfaces]
command=start.sh
autostart=false
autorestart=false
startsecs=0
"""
CELERY = """[supervisord]
nodaemon=true
[group:SITE]
programs       = S-gunicorn, S-celery

[program:S-gunicorn]
command        = gunicorn app.wsgi:application -c conf.py
directory      = /usr/lib
# the user that it runs as
user           = www-data
; and its environment
environment=DEBUG=%(ENV_DEBUG)s,PATH="/run/w/bin:%(ENV_PATH)s",LANG=en_US.UTF-8,LC_ALL='en_US.UTF-8'
stopsignal=QUIT

[program:S-celery]
command=celery -A app worker -n worker1@%%h -l INFO
stopwaitsecs = 600

[program:maybe]
command=bash -c 'if [ "${DEBUG:-False}" = "True" ]; then celery beat; else celery none; fi; celery -A never'
"""
TRAP = """[supervisord]
nodaemon=true
[program:schedule]
command=/bin/sh -c "while [ true ]; do (php artisan schedule:run --verbose --no-interaction &) ; sleep 60; done"
startretries=0
[program:other]
command=cron -f
"""
DEBIAN = """; supervisor config file

[unix_http_server]
file=/var/run/supervisor.sock   ; (the path to the socket file)
chmod=0700                       ; sockef file mode (default 0700)

[supervisord]
logfile=/var/log/supervisor/supervisord.log ; (main log file;default $CWD/supervisord.log)
pidfile=/var/run/supervisord.pid ; (supervisord pidfile;default supervisord.pid)
childlogdir=/var/log/supervisor            ; ('AUTO' child log dir, default $TEMP)

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix:///var/run/supervisor.sock ; use a unix:// URL  for a unix socket

;[program:theprogramname]
;command=/bin/cat              ; the program (relative uses PATH, can take args)
;stdout_logfile=/a/path        ; stdout log path, NONE for none; default AUTO

[include]
files = /etc/supervisor/conf.d/*.conf
"""
PLUGINS = """[supervisord]
nodaemon=true
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[ctlplugin:wildcards]
supervisor.ctl_factory = supervisor_wildcards.controllerplugin:make_wildcards_controllerplugin
[program:redis]
command=redis-server
"""
with open(os.path.join(os.path.dirname(supervisor.__file__), "skel/sample.conf"), encoding="utf-8") as f:
    SAMPLE = f.read().replace("/tmp/", "/run/w/sample/") + "[include]\nfiles = supervisord.d/*.ini\n"
WORLDS = {"laravel": LARAVEL, "workers": WORKERS, "airflow": AIRFLOW, "slashes": SLASHES, "nginx": NGINX, "columns": COLUMNS,
          "sonic": SONIC, "celery": CELERY, "trap": TRAP, "plugins": PLUGINS, "sample": SAMPLE}
VARIABLES = {"QUEUE_WORKERS": "4", "QUEUE_TIMEOUT": "60", "QUEUE_SLEEP": "3", "DEBUG": "True",
             "PATH": "/run/w/bin:/usr/sbin:/usr/bin:/sbin:/bin",
             "TELL": "AIRFLOW_HOME PYTHONPATH DEBUG LANG LC_ALL SUPERVISOR_PROCESS_NAME SUPERVISOR_GROUP_NAME SUPERVISOR_SERVER_URL"}

house = House("wild", idle=True, files={
    **{f"bin/{name}": STUB for name in NAMES},
    **{f"{name}/supervisord.conf": text for name, text in WORLDS.items()},
    **{f"{name}/calls": "" for name in [*WORLDS, "debian"]},
    "sample/supervisord.d/web.ini": "[program:node]\ncommand=node\ndirectory=%(here)s\n",
    "etc/supervisord.conf": DEBIAN,
    "etc/conf.d/cron.conf": "[program:cron]\ncommand = cron -f\nstdout_logfile=%(here)s/../../../run/w/debian/out\nautorestart = true\n",
    "etc/conf.d/web.conf": "[program:web]\r\ncommand=nginx\r\nuser=www-data\r\n"},
    env=VARIABLES,
    before="mkdir -p /var/log/supervisor /etc/supervisor && mount -t tmpfs tmpfs /var/log/supervisor && "
           "mount --bind /run/w/etc /etc/supervisor && chmod 666 /run/w/*/calls && chmod 777 /run/w")


def main_lines(text):
    """The lines of a main log in order of their text."""
    return sorted(line for line in spoken(text) if "waiting for" not in line)


def start(t, world, args=("-c", "supervisord.conf")):
    with open(t.path(world, "stdout"), "ab") as out, open(t.path(world, "stderr"), "ab") as err:
        return subprocess.Popen([*t.command, *args], cwd=t.path(world), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                env={**t.env, "WORLD": world, "TMPDIR": t.path(world), "SUPD_SOCKET": t.path(world, "supd.sock")})


def play(t, world, calls, log="stdout", up=None, said=""):
    """Starts it, waits for so many calls and starts that succeeded, ends it with TERM."""
    daemon = start(t, world, ("-n", "-c", "supervisord.conf"))
    try:
        t.wait(lambda: t.read(f"{world}/calls").count("\n") >= calls, lambda: t.read(f"{world}/{log}") + t.read(f"{world}/stderr"))
        t.see("calls", sorted(t.read(f"{world}/calls").splitlines()))
        t.wait(lambda: said in t.read(f"{world}/stdout"), lambda: t.read(f"{world}/stdout"))
        t.wait(lambda: t.read(f"{world}/{log}").count("success:") >= (up or 0), lambda: t.read(f"{world}/{log}"))
    finally:
        daemon.send_signal(signal.SIGTERM)
        t.see("status", daemon.wait(LIMIT))
    if up:
        t.see("main log", main_lines(t.read(f"{world}/{log}")))


@house.scenario
def laravel(t):
    play(t, "laravel", 8, up=8)
    t.wait(lambda: t.read("laravel/worker.log").count("\n") == 16)
    t.see("log", sorted(t.read("laravel/worker.log").splitlines()))


@house.scenario
def workers_by_environment(t):
    play(t, "workers", 4, up=4)
    for name, word in (("stdout", "speaks"), ("stderr", "complains")):
        t.wait(lambda name=name, word=word: t.read(f"workers/{name}").count(word) >= 4)
        t.see(name, [line for line in t.read(f"workers/{name}").splitlines() if word in line])


@house.scenario
def airflow(t):
    play(t, "airflow", 2, "supervisord.log", up=2)
    t.see("logs", [t.wait_file(f"airflow/scheduler.{name}.log", r"^.*\n").group(0) for name in ("out", "err")])


@house.scenario
def four_slashes(t):
    play(t, "slashes", 1)
    t.see("socket is gone", os.path.exists(t.path("slashes/supervisord.sock")))


@house.scenario
def nginx_and_fpm(t):
    play(t, "nginx", 2, said="set up")
    t.see("stdout", sorted(t.read("nginx/stdout").splitlines()))
    t.see("stderr", sorted(line for line in t.read("nginx/stderr").splitlines() if "complains" in line))


@house.scenario
def columns(t):
    play(t, "columns", 1, "log", up=1)
    t.see("out", t.wait_file("columns/php.log", r"^.*\n").group(0))


@house.scenario
def sonic(t):
    play(t, "sonic", 2, up=2)


@house.scenario
def celery(t):
    play(t, "celery", 3, up=3)


@house.scenario
def cut_at_a_semicolon(t):
    play(t, "trap", 1, up=1)


@house.scenario
def debian_main_file(t):
    """In the background, by the search path, as its init script starts it."""
    daemon = start(t, "debian", [])
    daemon.wait(LIMIT)
    t.see("command", daemon.returncode)
    t.wait(lambda: t.read("debian/calls").count("\n") >= 2,
           lambda: t.read("debian/stderr") + t.read("/var/log/supervisor/supervisord.log"))
    t.see("calls", sorted(t.read("debian/calls").splitlines()))
    log = "/var/log/supervisor/supervisord.log"
    t.wait(lambda: t.read(log).count("success:") >= 2)
    t.see("mode", t.run("stat", "-c", "%F %a", "/var/run/supervisor.sock").stdout)
    pid = int(t.read("/var/run/supervisord.pid"))
    os.kill(pid, signal.SIGTERM)
    t.wait(lambda: not os.path.exists(f"/proc/{pid}"))
    t.see("pid file", os.path.exists("/var/run/supervisord.pid"))
    t.see("main log", main_lines(t.read(log)))
    t.see("logs", sorted(re.sub(r"-\w{8}\.log", "-R.log", n) for n in os.listdir("/var/log/supervisor")))


@house.scenario
def plugins(t):
    play(t, "plugins", 1, up=1)


@house.scenario
def sample_of_echo_supervisord_conf(t):
    play(t, "sample", 1, "supervisord.log", up=1)
    t.see("files", sorted(name for name in os.listdir(t.path("sample")) if name.endswith((".pid", ".sock"))))
