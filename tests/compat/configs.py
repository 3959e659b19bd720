"""Configurations for the comparison with Supervisor: every rule one by one, then random mixtures.

A configuration is a dictionary of file names to texts; the main file is supervisord.conf.
"""
import random

KEYS = ("process_name numprocs numprocs_start priority autostart autorestart startsecs startretries "
        "exitcodes stopsignal stopwaitsecs stopasgroup killasgroup user redirect_stderr "
        "stdout_logfile stdout_logfile_maxbytes stdout_logfile_backups stdout_capture_maxbytes "
        "stdout_events_enabled stdout_syslog stderr_logfile stderr_logfile_maxbytes "
        "stderr_logfile_backups stderr_capture_maxbytes stderr_events_enabled stderr_syslog "
        "environment directory umask serverurl command").split()
BOOLEANS = ["yes", "True", "on", "1", "no", "FALSE", "off", "0", "", "y", "t", "enabled", "2", "tRue",
            "%(ENV_DEBUG)s", "unexpected", "01", "-1", "none", "+1", "1 "]
INTEGERS = ["0", "1", "10", "-1", "+3", "1_0", "1__0", "_1", "1_", "0x10", "1.5", "10s", "", "1e3",
            "007", "- 1", "2147483648", "%(ENV_QUEUE_WORKERS)s", "%(ENV_TESTV)s", "%(process_num)d",
            "%(numprocs)d", "0o7", "1,0", "\u0031", "--1", "+-1"]
SIZES = ["0", "1", "50MB", "50mb", "1Gb", "2KB", "2kB", "10K", "1.5MB", "10B", "MB", "50 MB", " 5MB",
         "-1", "-1MB", "1_0KB", "+5kb", "", "5 0MB", "0GB", "1M", "1TB", "5MBMB", "%(ENV_QUEUE_WORKERS)sMB"]
OCTALS = ["022", "0777", "77", "9", "8", "0o22", "0O22", "0x1", "", "-22", "+22", "2_2", "o22", "0o_2",
          "0o", "1777", "00", "abc", " 22", "none"]
SIGNALS = ["TERM", "SIGTERM", "term", "sigterm", "SigInt", "15", "9", "0", "1", "31", "32", "33", "34",
           "35", "64", "65", "99", "-1", "RTMIN", "SIGRTMIN", "RTMAX", "RTMIN+1", "SIGRTMAX-1", "CLD",
           "IO", "POLL", "IOT", "PWR", "STKFLT", "SYS", "WINCH", "XFSZ", "_DFL", "_IGN", "SIG_BLOCK",
           "SIG_SETMASK", "", "FOO", "SIG", "UNUSED", "INFO", "EMT", "LOST", " HUP ", "1 5", "SIGSIGTERM",
           "USR1,USR2", "+15", "1_5", "BREAK", "STOP", "CONT", "TSTP", "TTIN", "URG", "VTALRM", "PROF"]
EXITCODES = ["0", "0,2", "0, 2", " 0 ,2 ", "", "0,", ",0", "256", "255", "-1", "0 2", "0;2", "0-3",
             "1,1,1", "2,1,0", "+1", "1_0", "0,a", "0,,1", "0x1", "0\n  ,2", ","]
USERS = ["root", "0", "nobody", "daemon", "65534", "99999", "-1", "nosuch", "", "root:root", " root", "+0",
         "0_0", "1e1", "%(ENV_HOME)s", "4294967295", "4294967296", "99999999999999999999"]
LOGFILES = ["NONE", "none", "None", "off", "OFF", "AUTO", "auto", "Auto", "syslog", "SYSLOG", "",
            "/dev/stdout", "/dev/fd/1", "/dev/null", "/proc/1/fd/1", "rel.log", "./rel.log", "sub/rel.log",
            "~/x.log", "~root/x.log", "~nosuch/x.log", "~", "/nosuch/x.log", "/tmp/a b.log", "/tmp/",
            "/tmp", "/tmp/a%%b.log", "/tmp/a%%%%b.log", "/tmp/%(ENV_PCT)s", "/tmp/%(program_name)s.log",
            "/tmp/%(process_num)02d-%(numprocs)d.log", "/tmp/%(group_name)s", "%(here)s/x.log",
            "/tmp/%(host_node_name)s.log", "/tmp/%s", "/tmp/%d", "false", "no", "None ", "/tmp/../tmp/x",
            "//tmp/x", "%(ENV_NOPE)s", "/tmp/%(nope)s", "%%", "%", "NONE,", "/tmp/ä.log", "/dev/stderr ; x"]
ENVIRONMENTS = [
    "", "A=1", "A=1,B=2", 'A="a,b"', "A='a b'", 'A="",B=2', "A=1,", "A=1,,", ",A=1", "A=a;B=b", "A=a:B=b",
    "A=a b", "A=$HOME", "A=50%%", "A=50%%%%", "A=x#y", 'A="x#y"', "A=http://h:80/y?z=1", "A==x", "A=",
    "A=,B=2", "A=1 B=2", "A=foo@bar", "A=b=c", "A=a~b", "A=a*b", 'A={"x":1}', "A=[1]", "A=1\n  B=2",
    "A=1,\n  B=2", "\n  A=1,\n  B=2", 'A="a\\nb"', 'A="C:\\\\d"', 'A="say \\"hi\\""', 'x"y', 'A=x"y',
    'A="x"y', "A='x\"y'", 'A="x', "A='", "A=it's", "A=it's,B=it's", "A.B=1", "A-B=1", "A:B=1", "1A=2",
    '"A"=1', "A=1,A=2", 'A="line1\n  line2"', "A=é", "A=éa", 'A="é"', "É=1", "A=a_b", "A=-x", "A=+x",
    "A=(x)", "A=x/y.z", "A=/usr/bin:/bin", "PATH=/x:%(ENV_PATH)s", 'PATH="/x:%(ENV_PATH)s"', "A=%(here)s",
    "A=%(process_num)d", "A=%(program_name)s", "A=%(group_name)s", "A=%(host_node_name)s",
    "A=%(numprocs)d", "A=%(ENV_NOPE)s", "A=1,B=%(ENV_A)s", "A=%(ENV_TESTV)s", "A=%s", "A=%(x)s", "A",
    "=", "=A", "A = 1 , B = 2", "A= 1", "A =1", "#A=1", "A=1 # c", "A=1;c", "A=1 ; c", "A=!x", "A=x!y",
    "A=`x`", "A=a|b", "A=<x>", "A=a&b", "A=^", "A=~/x", "A=\\x", "A=x\\y", "A=x\ty", 'A="a""b"', "A='a''b'",
    'A="a"\'b\'', "A=''", "A=\"'\"", "A='\"'", "A=\"'a'\"", "A=1,B", "A=1,B=", "TESTV=zz", "A=x,#c\n  B=y",
    "A=x#c\n  y,B=2", "HOME=/h", "A=%%(x)s", "A=1,B=2,C=3,D=4,E=5", "A=\"1\",B='2',C=3",
    "SUPERVISOR_ENABLED=0", "A=%(ENV_PCT)s",
]
NAMES = ["x", "%(program_name)s", "%(program_name)s_%(process_num)d", "p%(process_num)02d", "%(process_num)d",
         "a b", "a:b", "a/b", "", " a ", "%(nope)s", "%(group_name)s", "%(here)s", "%(ENV_TESTV)s", "%%",
         "a%%b", "%", "%(process_num)s-%(numprocs)s", "%(process_num) d", "%(host_node_name)s", "ä",
         "x\n  y", "x\ty", "%(ENV_HOME)s", "%(process_num)+d"]
COMMANDS = [
    "", "foo", "foo bar", "'x y' z", '"x', "foo ; bar", "foo;bar", "foo #bar", "foo#bar", ";foo", " ;foo",
    "#foo", "%(here)s/x", "%(program_name)s %(group_name)s %(host_node_name)s", "%(process_num)d %(numprocs)d",
    "%(process_num)05d|%(process_num)x|%(process_num)o|%(process_num)X|%(process_num)-5d|",
    "%(numprocs)c", "%(process_num)5.3d|%(process_num)+05d|%(process_num)#x|%(process_num)#o",
    "%(process_num)e|%(process_num)f|%(process_num)g|%(process_num).1f|%(process_num)08.2f",
    "%(process_num)r|%(process_num)a|%(process_num)s|%(process_num)i|%(process_num)u", "%(program_name)c",
    "%(program_name)r|%(program_name)a|%(program_name)10s|%(program_name)-10s|%(program_name).1s|",
    "%(program_name)d", "%(program_name)x", "%(program_name)i", "%(program_name)05s", "%(program_name)f",
    "%(program_name)hs|%(process_num)ld", "%( program_name )s", "%(program_name", "%(program_name)", "%", "a %",
    "%%", "%%%%", "date +%Y", "%(program_name)q", "%s", "a %s b", "%r", "%10.5s|", "%s %s", "%s %(program_name)s",
    "%(program_name)s %s", "%d", "%c", "%i", "%x", "%5%", "%(program_name)%", "%-%|", "%(a(b)c)s", "%()s",
    "%(ENV_HOME)s %(ENV_PATH)s", "%(ENV_PCT)s", "%(ENV_NOPE)s", "%(ENV_)s", "%(env_home)s",
    "%(program_name)*s", "%(program_name).*s", "%(program_name)99999999999s", "%(program_name).s|",
    "%(process_num).d|%(process_num).0d|%(process_num) d", "%%(here)s", "%%%(here)s", "a\n  b", "a \\\n  b", "a\n\n  b",
    "a\n  ; c\n  b", "a\n  # c\n  b ; d", "a\n\tb", "a\nb", "%(ENV_A)s", "ä %(program_name)5s", "é\u00a0#x",
    "a;b ;c #d", "a#b #c ;d", "a ;b;c", "a\t;b", "a\t#b", "a=b:c", ":a", "=a", "%(process_num)0.3d|%(process_num)-05d|",
    "%(process_num)+ d|%(process_num)# x", "%(numprocs)03d",
]
PRIORITIES = INTEGERS + ["%(program_name)s", "%(here)s", "%(group_name)s"]
VALUES = {
    "process_name": NAMES, "numprocs": INTEGERS[:20], "numprocs_start": INTEGERS, "priority": PRIORITIES,
    "autorestart": BOOLEANS + ["unexpected", "UNEXPECTED", "always", "never", "None"],
    "startsecs": INTEGERS, "startretries": INTEGERS, "exitcodes": EXITCODES, "stopsignal": SIGNALS,
    "stopwaitsecs": INTEGERS, "user": USERS, "stdout_logfile": LOGFILES, "stderr_logfile": LOGFILES,
    "stdout_logfile_maxbytes": SIZES + ["%(process_num)dMB"], "stderr_logfile_maxbytes": SIZES,
    "stdout_capture_maxbytes": SIZES + ["%(process_num)d"], "stderr_capture_maxbytes": SIZES,
    "stdout_logfile_backups": INTEGERS, "stderr_logfile_backups": INTEGERS, "environment": ENVIRONMENTS,
    "umask": OCTALS, "command": COMMANDS,
    "directory": ["/nosuch", "/tmp", "rel", "~", "~/x", "", "%(here)s", "%(process_num)d", "%(program_name)s",
                  "%(ENV_A)s", "%%", "/tmp/", "NONE"],
    "serverurl": ["AUTO", "auto", " Auto ", "", "unix:///tmp/x", "http://h:1", "%(here)s", "NONE",
                  "%(process_num)d", "%(group_name)s"],
}
SUPERVISORD = {
    "logfile": ["", "x.log", "/tmp/x.log", "/nosuch/x", "syslog", "SYSLOG", "/dev/null", "~/x.log", "NONE",
                "%(here)s/x", "%(ENV_HOME)s/x", "../x", "sub/../x", "%(host_node_name)s", "//tmp//x", "/dev/stdout"],
    "logfile_maxbytes": SIZES, "logfile_backups": INTEGERS,
    "loglevel": ["critical", "error", "warn", "warning", "info", "DEBUG", "trace", "Blather", "", "crit", "10",
                 "%(ENV_TESTV)s", "notset"],
    "pidfile": ["x.pid", "/tmp/x.pid", "/nosuch/x", "~/x.pid", "%(here)s/p", "", "./a/../b", "syslog"],
    "umask": OCTALS, "nodaemon": BOOLEANS, "silent": BOOLEANS, "minfds": INTEGERS, "minprocs": INTEGERS,
    "nocleanup": BOOLEANS, "strip_ansi": BOOLEANS,
    "childlogdir": ["/tmp", "/nosuch", "", ".", "~", "%(here)s", "/tmp/", "../"],
    "user": USERS, "directory": ["/tmp", "/nosuch", "", ".", "~", "%(here)s"],
    "identifier": ["", "x", "a b", "%(here)s", "%(program_name)s", "%(ENV_TESTV)s", "%%", "ä"],
    "environment": ENVIRONMENTS, "unknown": ["x", "%", "%(nope)s"],
}
GROUPS = ["a", "b", "a,b", "a, b", " a , b ", "", "a,", ",a", "nosuch", "a,a", "f", "a,f", "l", "a\n  ,b",
          "a b", "both", "%(ENV_TESTV)s", "%(here)s", "A", "a;b", "a ; b"]
HEADERS = [
    "[program:x]", " [program:x]", "[program:x] ; c", "[program:x] foo", "[program: x ]", "[ program:x]",
    "[program :x]", "[Program:x]", "[program:x", "[program:x]]", "[[program:x]", "[program:x] [y]",
    "[program:%(ENV_TESTV)s]", "[program:]", "[program: ]", "[program]", "[program:a:b]", "[program:a/b]",
    "[program:a b]", "[program:x];c", "[program:x]#c", "[program:ä]", "[program:x\t]", "[]", "[ ]", "[]]",
    "program:x]", "[program:x] # [y]", "[program:x ;c]", "[program:x;c]",
]
SERVERS = [
    "[unix_http_server]\nfile=/tmp/s.sock", "[unix_http_server]\nfile=rel.sock", "[unix_http_server]",
    "[unix_http_server]\nfile=", "[unix_http_server]\nfile=~/s.sock", "[unix_http_server]\nfile=%(here)s/s.sock",
    "[unix_http_server]\nfile=/tmp/../tmp//s.sock", "[unix_http_server]\nfile=//tmp/s",
    "[unix_http_server]\nfile=/tmp/s\nchmod=0770", "[unix_http_server]\nfile=/tmp/s\nchmod=9",
    "[unix_http_server]\nfile=/tmp/s\nchmod=", "[unix_http_server]\nfile=/tmp/s\nchown=root",
    "[unix_http_server]\nfile=/tmp/s\nchown=root:root", "[unix_http_server]\nfile=/tmp/s\nchown=0:0",
    "[unix_http_server]\nfile=/tmp/s\nchown=nosuch", "[unix_http_server]\nfile=/tmp/s\nchown=root:nosuch",
    "[unix_http_server]\nfile=/tmp/s\nchown=root:", "[unix_http_server]\nfile=/tmp/s\nchown=root.root",
    "[unix_http_server]\nfile=/tmp/s\nchown=", "[unix_http_server]\nfile=/tmp/s\nusername=u",
    "[unix_http_server]\nfile=/tmp/s\npassword=p", "[unix_http_server]\nfile=/tmp/s\nusername=u\npassword=p",
    "[unix_http_server]\nfile=/tmp/s\nusername=\npassword=", "[unix_http_server]\nfile=/tmp/s\nusername=u\npassword=a%%b",
    "[unix_http_server]\nfile=/tmp/s\nusername=u\npassword=a%b", "[unix_http_server]\nfile=/tmp/s\nusername=%(here)s\npassword=p",
    "[unix_http_server]\nfile=/tmp/s\nusername=%(ENV_TESTV)s\npassword={SHA}abc",
    "[unix_http_server:two]\nfile=/tmp/s2", "[unix_http_servertwo]\nfile=/tmp/s2",
    "[unix_http_server]\nfile=/tmp/s\n[unix_http_server:two]\nfile=/tmp/s2",
    "[inet_http_server]\nport=9001", "[inet_http_server]\nport=:9001", "[inet_http_server]\nport=*:9001",
    "[inet_http_server]\nport=127.0.0.1:9001", "[inet_http_server]\nport=HOST:9001", "[inet_http_server]",
    "[inet_http_server]\nport=", "[inet_http_server]\nport=0", "[inet_http_server]\nport=65535",
    "[inet_http_server]\nport=65536", "[inet_http_server]\nport=host:", "[inet_http_server]\nport=host:x",
    "[inet_http_server]\nport=[::1]:9001", "[inet_http_server]\nport=a:b:1", "[inet_http_server]\nport=-1",
    "[inet_http_server]\nport= 9001 ", "[inet_http_server]\nport=%(ENV_QUEUE_TIMEOUT)s", "[inet_http_server]\nport=h : 90",
    "[inet_http_server]\nport=9001\nusername=u\npassword=p", "[inet_http_server]\nport=9001\nusername=u",
    "[inet_http_server:a:b]\nport=9001", "[inet_http_serverx]\nport=9001",
    "[inet_http_server]\nport=%(here)s", "[unix_http_server]\nfile=/tmp/s\n[inet_http_server]\nport=9001",
    "[inet_http_server]\nport=9001\n[inet_http_server:2]\nport=9002\n[unix_http_server]\nfile=/tmp/s",
]
PLUGINS = [
    "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
    "[rpcinterface:supervisor]", "[rpcinterface:x]\nsupervisor.rpcinterface_factory = no.such:thing",
    "[rpcinterface:x]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\nk=%(ENV_TESTV)s",
    "[rpcinterface:x]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\nk=%(here)s",
    "[rpcinterface:x]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\nk=%",
    "[rpcinterface]\nx=y", "[ctlplugin:x]\nsupervisor.ctl_factory = no.such:thing", "[ctlplugin:x]\nk=%",
    "[supervisorctl]\nserverurl=unix:///tmp/s", "[supervisorctl]\nserverurl=%\nusername=%(nope)s", "[x]\ny=%",
    "[supervisorctl]\npassword=p", "[env]\nA=1", "[program-x]\ncommand=y",
]
LISTENERS = ["events=EVENT", "events=TICK_5,TICK_60", "events=tick_5", "events= TICK_5 , TICK_60 ", "events=",
             "", "events=NOPE", "events=TICK_5,", "events=TICK_5,TICK_5", "events=PROCESS_STATE,EVENT",
             "events=EVENT\nbuffer_size=0", "events=EVENT\nbuffer_size=1", "events=EVENT\nbuffer_size=x",
             "events=EVENT\nbuffer_size=-5", "events=EVENT\npriority=5", "events=EVENT\npriority=%(program_name)s",
             "events=EVENT\nredirect_stderr=true", "events=EVENT\nredirect_stderr=false",
             "events=EVENT\nredirect_stderr=x", "events=EVENT\nresult_handler=supervisor.dispatchers:default_handler",
             "events=EVENT\nresult_handler=no:such", "events=EVENT\nresult_handler=supervisor_stdout:event_handler",
             "events=EVENT\nstdout_capture_maxbytes=1MB\nstdout_events_enabled=true", "events=EVENT\nnumprocs=2",
             "events=EVENT\nnumprocs=2\nprocess_name=l%(process_num)d", "events=%(ENV_TESTV)s", "events=EVENT TICK",
             "events=TICK_5\n  ,TICK_60", "events=TICK_5,\n  TICK_60", "events=PROCESS_LOG_STDOUT,PROCESS_GROUP_ADDED",
             "events=SUPERVISOR_STATE_CHANGE,REMOTE_COMMUNICATION,PROCESS_COMMUNICATION", "events=EVENT\nbuffer_size=%(here)s"]
SOCKETS = ["socket=unix:///tmp/f.sock", "socket=tcp://localhost:9000", "socket=tcp://LOCALHOST:9000", "", "socket=",
           "socket=unix://tmp/x", "socket=unix:///tmp/../x//y", "socket=unix:////tmp/x", "socket=tcp://h", "socket=tcp://h:0",
           "socket=tcp://h:65536", "socket=tcp://h:x", "socket=tcp://:9000", "socket=tcp://a:b:9", "socket=http://x",
           "socket=tcp://h:9000\nsocket_mode=0700", "socket=tcp://h:9000\nsocket_owner=root",
           "socket=tcp://h:9000\nsocket_backlog=5", "socket=unix:///tmp/x\nsocket_backlog=0",
           "socket=unix:///tmp/x\nsocket_backlog=65535", "socket=unix:///tmp/x\nsocket_backlog=65536",
           "socket=unix:///tmp/x\nsocket_backlog=x", "socket=unix:///tmp/x\nsocket_mode=9",
           "socket=unix:///tmp/x\nsocket_mode=0777", "socket=unix:///tmp/x\nsocket_owner=root:root",
           "socket=unix:///tmp/x\nsocket_owner=nosuch", "socket=unix:///tmp/%(program_name)s", "socket=unix://%(here)s/s",
           "socket=unix:///tmp/%(group_name)s", "socket=unix:///tmp/%(process_num)d", "socket=unix:///tmp/%(ENV_TESTV)s",
           "socket=unix:///tmp/x\nuser=nosuch", "socket=unix:///tmp/x\nuser=nobody", "socket=unix:///tmp/x\nuser=%(program_name)s",
           "socket=unix:///tmp/x\npriority=3", "socket=tcp://h:09000", "socket=tcp://h x:1", "socket=unix:///tmp/a b",
           "socket=unix:///tmp/x\nnumprocs=2\nprocess_name=f%(process_num)d", "socket=%%", "socket=tcp://h:9 "]
LINES = [
    "key value", "REM x", "= x", ": x", "a", " ", "\t", ";c", "#c", " ;c", "\t#c", "a=", "a:", "a =b", "A=b", "a==b",
    "  a=b", "\ta=b", " a=b ; c", "é=1", "a\u00a0=b", "[", "]", "[]", "a=b\\", "a=\"", "%=1", "[DEFAULT]", "[x]",
    "autostart=false", "AutoStart=false", "autostart : false", "autostart=true\nautostart=false", "\x0cautostart=false",
    "autostart=false\x0b", "autostart\x1c=false", "command", "command=", "\u2003autostart=false", "priority=3 # x",
    "priority=3# x", "priority=3;x", "priority=#3", "priority= #3", "priority=;3",
]
WHOLE = {
    "nothing": "", "only a comment": "; x\n", "blank lines": "\n\n  \n", "no header": "a=b\n", "indented first": "  a=b\n",
    "text first": "garbage\n[supervisord]\n", "comment first": "; x\n[supervisord]\n", "blank first": "\n \n[supervisord]\n",
    "bom": "\ufeff[supervisord]\n[program:x]\ncommand=c\n", "bom no section": "\ufeff",
    "crlf": "[supervisord]\r\n[program:x]\r\ncommand=c\r\n  d\r\nautostart=false\r\n",
    "cr only": "[supervisord]\r[program:x]\rcommand=c\r  d\r", "no newline at end": "[supervisord]\n[program:x]\ncommand=c",
    "mixed ends": "[supervisord]\r\n[program:x]\ncommand=c\r\rautostart=false\n",
    "no supervisord": "[program:x]\ncommand=c\n", "supervisord twice": "[supervisord]\nminfds=1\n[supervisord]\nminprocs=2\n",
    "only supervisord": "[supervisord]\n", "form feed": "[supervisord]\x0c\n[program:x]\ncommand=a\x0cb\n",
    "default": "[DEFAULT]\nautostart=false\nstartsecs=7\n[supervisord]\n[program:x]\ncommand=c\n[program:y]\ncommand=c\nstartsecs=8\n",
    "default after": "[supervisord]\n[program:x]\ncommand=c\n[DEFAULT]\nautostart=false\n",
    "default user": "[DEFAULT]\nuser=nobody\n[supervisord]\n[program:x]\ncommand=c\n",
    "default command": "[DEFAULT]\ncommand=c %(program_name)s\n[supervisord]\n[program:x]\n[program:y]\n",
    "default priority": "[DEFAULT]\npriority=5\n[supervisord]\n[program:x]\ncommand=c\n[group:g]\nprograms=x\n",
    "default programs": "[DEFAULT]\nprograms=x\n[supervisord]\n[program:x]\ncommand=c\n[group:g]\n",
    "default here": "[DEFAULT]\ndirectory=%(here)s\n[supervisord]\n[program:x]\ncommand=c\n",
    "default lower": "[default]\nautostart=false\n[supervisord]\n[program:x]\ncommand=c\n",
    "default files": "[DEFAULT]\nfiles=a.conf\n[supervisord]\n[include]\n",
    "default bad": "[DEFAULT]\numask=9\n[supervisord]\n",
    "default environment": "[DEFAULT]\nenvironment=A=1\n[supervisord]\n[program:x]\ncommand=c %(ENV_A)s\n",
    "duplicate key": "[supervisord]\n[program:x]\ncommand=a\ncommand=b\n", "duplicate case": "[supervisord]\n[program:x]\ncommand=a\nCOMMAND=b\n",
    "merged": "[program:x]\ncommand=a\nautostart=false\n[supervisord]\n[program:x]\ncommand=b\n",
    "deeper key": "[supervisord]\n[program:x]\ncommand=foo\n  autostart=false\n", "equal indent": "[supervisord]\n[program:x]\n  command=foo\n  autostart=false\n",
    "less indent": "[supervisord]\n[program:x]\n    command=foo\n  autostart=false\n", "indented header in value": "[supervisord]\n[program:x]\ncommand=foo\n  [program:y]\n",
    "indented header": "[supervisord]\n  [program:x]\n  command=foo\n", "header deeper": "  [supervisord]\n    [program:x]\n  command=foo\n",
    "tab and blanks": "[supervisord]\n[program:x]\n\tcommand=foo\n    bar\n", "comment in value": "[supervisord]\n[program:x]\ncommand=foo\n; c\n  bar\n  # d\n  baz\n",
    "blank in value": "[supervisord]\n[program:x]\ncommand=foo\n\n  bar\n\n\nautostart=false\n", "blank with spaces": "[supervisord]\n[program:x]\ncommand=foo\n   \n  bar\n",
    "value on next line": "[supervisord]\n[program:x]\ncommand=\n  foo\n  bar\n", "empty then key": "[supervisord]\n[program:x]\ncommand=\nautostart=false\n",
    "comment between": "[supervisord]\n[program:x]\ncommand=foo\n   ; c\nautostart=false\n", "continued header": "[supervisord]\n  minfds=5\n",
    "continuation with delimiter": "[supervisord]\n[program:x]\ncommand=foo\n  --a=b\n  --c:d\n", "inline in continuation": "[supervisord]\n[program:x]\ncommand=foo ; x\n  bar # y\n",
    "two in two groups": "[supervisord]\n[program:a]\ncommand=%(group_name)s\n[group:g]\nprograms=a\npriority=2\n[group:h]\nprograms=a\npriority=1\n",
    "group order": "[supervisord]\n[program:b]\ncommand=b\n[program:a]\ncommand=a\n[program:c]\ncommand=c\npriority=1\n",
    "group same name": "[supervisord]\n[program:x]\ncommand=a\n[program:y]\ncommand=b\n[group:x]\nprograms=y\n",
    "double names": "[supervisord]\n[program:x]\ncommand=a\n[program: x]\ncommand=b\n", "numprocs sort": "[supervisord]\n[program:x]\ncommand=a\nnumprocs=12\nprocess_name=p%(process_num)d\n",
    "same process names": "[supervisord]\n[program:x]\ncommand=a\nnumprocs=3\nprocess_name=p%(process_num).0s\n",
    "numprocs zero without command": "[supervisord]\n[program:x]\nnumprocs=0\n", "numprocs negative": "[supervisord]\n[program:x]\nnumprocs=-3\n",
    "numprocs start": "[supervisord]\n[program:x]\ncommand=%(process_num)d\nnumprocs=2\nnumprocs_start=-1\nprocess_name=p%(process_num)d\n",
    "stop group": "[supervisord]\n[program:x]\ncommand=a\nstopasgroup=true\nkillasgroup=false\n", "kill group": "[supervisord]\n[program:x]\ncommand=a\nkillasgroup=true\n",
    "env grows": "[supervisord]\n[program:x]\ncommand=%(ENV_A_0)s\nnumprocs=2\nprocess_name=p%(process_num)d\nenvironment=A_%(process_num)d=v\n",
    "env per process": "[supervisord]\n[program:x]\ncommand=%(ENV_A)s\nnumprocs=2\nprocess_name=p%(process_num)d\nenvironment=A=%(process_num)d\n",
    "env in priority": "[supervisord]\n[program:x]\ncommand=a\nenvironment=A=1\npriority=%(ENV_A)s\n", "env in logfile": "[supervisord]\n[program:x]\ncommand=a\nenvironment=A=1\nstdout_logfile=/tmp/%(ENV_A)s\n",
    "env in process_name": "[supervisord]\n[program:x]\ncommand=a\nenvironment=A=1\nprocess_name=%(ENV_A)s\n", "env in syslog": "[supervisord]\n[program:x]\ncommand=a\nenvironment=A=1\nstdout_syslog=%(ENV_A)s\n",
    "env in directory": "[supervisord]\n[program:x]\ncommand=a\nenvironment=A=1\ndirectory=%(ENV_A)s\n", "env in umask": "[supervisord]\n[program:x]\ncommand=a\nenvironment=A=1\numask=%(ENV_A)s\n",
    "env in maxbytes": "[supervisord]\n[program:x]\ncommand=a\nenvironment=A=1\nstdout_logfile_maxbytes=%(ENV_A)s\nstderr_logfile_backups=%(ENV_A)s\n",
    "supervisord env seen": "[supervisord]\nenvironment=G=gg,TESTV=other\nidentifier=%(ENV_TESTV)s\n[program:x]\ncommand=%(ENV_G)s %(ENV_TESTV)s\nenvironment=H=%(ENV_G)s,G=mine\n",
    "supervisord env in server": "[supervisord]\nenvironment=G=gg\n[unix_http_server]\nfile=/tmp/%(ENV_G)s\n", "supervisord env in group": "[supervisord]\nenvironment=G=5\n[group:g]\npriority=%(ENV_G)s\n",
    "supervisord env in itself": "[supervisord]\nenvironment=G=gg\nidentifier=%(ENV_G)s\n", "fcgi in group": "[supervisord]\n[fcgi-program:f]\ncommand=f\nsocket=bad\n[group:g]\nprograms=f\n",
    "ambiguous": "[supervisord]\n[fcgi-program:f]\ncommand=f\nsocket=unix:///tmp/x\n[program:f]\ncommand=f\n[group:g]\nprograms=f\n",
    "listener in group": "[supervisord]\n[eventlistener:e]\ncommand=f\nevents=EVENT\n[group:g]\nprograms=e\n", "listener name blanks": "[supervisord]\n[eventlistener: e ]\ncommand=%(group_name)s|\nevents=EVENT\n",
    "listener bad name": "[supervisord]\n[eventlistener:a b]\ncommand=f\nevents=EVENT\n", "group bad name": "[supervisord]\n[group:a b]\n", "group empty name": "[supervisord]\n[group:]\n",
    "all kinds one name": "[supervisord]\n[program:x]\ncommand=p\n[eventlistener:x]\ncommand=e\nevents=EVENT\n[fcgi-program:x]\ncommand=f\nsocket=tcp://h:1\n",
    "bad member in group only": "[supervisord]\n[program:a]\ncommand=a\npriority=%(program_name)s\n[group:g]\nprograms=a\n", "redirect": "[supervisord]\n[program:x]\ncommand=a\nredirect_stderr=true\nstderr_logfile=/tmp/x\n",
    "redirect syslog": "[supervisord]\n[program:x]\ncommand=a\nredirect_stderr=true\nstderr_logfile=syslog\n", "long": "[supervisord]\n[program:x]\ncommand=" + "a" * 5000 + "\nenvironment=A=\"" + "b c" * 300 + "\"\n",
    "long names": "[supervisord]\n[program:" + "n" * 300 + "]\ncommand=c\n" + "k" * 300 + "=v\n", "long continuation": "[supervisord]\n[program:x]\ncommand=a\n" + "".join("  %s%d\n" % ("x" * 150, i) for i in range(30)),
    "laravel": "[supervisord]\n[program:w]\nprocess_name=%(program_name)s_%(process_num)02d\ncommand=php artisan queue:work\nnumprocs=8\nstopwaitsecs=3600\nstopasgroup=true\nkillasgroup=true\nuser=nobody\nredirect_stderr=true\nstdout_logfile=/tmp/w.log\n",
    "airflow": "[supervisord]\n[program:x]\ncommand=a\nenvironment =\n    AIRFLOW_HOME=/usr/lib/airflow/airflow,\n    PYTHONPATH=/srv/iBridges/\n", "scheduler": "[supervisord]\n[program:s]\ncommand=/bin/sh -c \"while [ true ]; do (php artisan schedule:run &) ; sleep 60; done\"\n",
    "celery": "[supervisord]\n[group:SITE]\nprograms       = S-gunicorn, S-celery\n[program:S-gunicorn]\ncommand=g\n[program:S-celery]\ncommand=celery -n worker1@%%h\nenvironment=DEBUG=%(ENV_DEBUG)s,PATH=\"/opt/venv/bin:%(ENV_PATH)s\",LANG=en_US.UTF-8,LC_ALL='en_US.UTF-8'\n; c\nstopsignal=QUIT\nstopwaitsecs = 600\n",
    "bash": "[supervisord]\n[program:x]\ncommand=bash -c 'if [ \"${X:-False}\" = \"True\" ]; then a; else b; fi; celery'\n", "nginx": "[supervisord]\nnodaemon=true   ; (start in foreground)\nsilent=true\n[program:n]\ncommand=nginx -g 'daemon off;'\nstdout_logfile= /dev/stdout\nstdout_logfile_maxbytes=0\nstderr_logfile=/dev/stderr\nstartsecs=0\nautorestart=false\n",
    "nul": "[supervisord]\n[program:x]\ncommand=a\n", "sample": "; sample\n[unix_http_server]\nfile=/tmp/supervisor.sock   ; the path\n;chmod=0700\n[supervisord]\nlogfile=/tmp/supervisord.log ; main log\nlogfile_maxbytes=50MB        ; max\n[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n[supervisorctl]\nserverurl=unix:///tmp/supervisor.sock ; use\n;[program:theprogramname]\n;command=/bin/cat\n",
}
A = "[program:a]\ncommand=a %(here)s\n"
B = "[program:b]\ncommand=b %(here)s\n"
FILES = {
    "none": {"supervisord.conf": "[supervisord]\n[include]\nfiles=no*.conf\n"}, "empty": {"supervisord.conf": "[supervisord]\n[include]\nfiles=\n"},
    "missing key": {"supervisord.conf": "[supervisord]\n[include]\n"}, "one": {"supervisord.conf": "[supervisord]\n[include]\nfiles=a.conf\n", "a.conf": A},
    "twice": {"supervisord.conf": "[supervisord]\n[include]\nfiles=a.conf a.conf\n", "a.conf": A}, "glob": {"supervisord.conf": "[supervisord]\n[include]\nfiles=conf.d/*.conf\n", "conf.d/b.conf": B, "conf.d/a.conf": A, "conf.d/c.ini": "bad"},
    "order": {"supervisord.conf": "[supervisord]\n[include]\nfiles=b.conf a.conf\n", "a.conf": "[program:x]\ncommand=a\nautostart=false\n", "b.conf": "[program:x]\ncommand=b\nstartsecs=9\n"},
    "class": {"supervisord.conf": "[supervisord]\n[include]\nfiles=[ab].conf\n", "a.conf": A, "b.conf": B}, "not class": {"supervisord.conf": "[supervisord]\n[include]\nfiles=[!b].conf\n", "a.conf": A, "b.conf": B},
    "caret class": {"supervisord.conf": "[supervisord]\n[include]\nfiles=[^b].conf\n", "a.conf": A, "b.conf": B}, "question": {"supervisord.conf": "[supervisord]\n[include]\nfiles=?.conf\n", "a.conf": A, "bb.conf": B},
    "brace": {"supervisord.conf": "[supervisord]\n[include]\nfiles={a,b}.conf\n", "a.conf": A, "b.conf": B}, "comma": {"supervisord.conf": "[supervisord]\n[include]\nfiles=a.conf,b.conf\n", "a.conf": A, "b.conf": B},
    "hidden": {"supervisord.conf": "[supervisord]\n[include]\nfiles=*.conf .x.conf\n", ".x.conf": A, "b.conf": B}, "stars": {"supervisord.conf": "[supervisord]\n[include]\nfiles=**/*.conf\n", "d/a.conf": A, "d/e/b.conf": B},
    "dirs": {"supervisord.conf": "[supervisord]\n[include]\nfiles=d d/*\n", "d/a.conf": A, "d/e/b.conf": B}, "backslash": {"supervisord.conf": "[supervisord]\n[include]\nfiles=\\a.conf a\\*.conf\n", "a.conf": A, "\\a.conf": B},
    "posix class": {"supervisord.conf": "[supervisord]\n[include]\nfiles=[[:alpha:]].conf\n", "a.conf": A, "b.conf": B}, "open class": {"supervisord.conf": "[supervisord]\n[include]\nfiles=[a.conf\n", "[a.conf": A},
    "env": {"supervisord.conf": "[supervisord]\n[include]\nfiles=%(ENV_TESTV)s.conf\n", "tv.conf": A}, "here": {"supervisord.conf": "[supervisord]\n[include]\nfiles=%(here)s/a.conf\n", "a.conf": A},
    "node": {"supervisord.conf": "[supervisord]\n[include]\nfiles=%(host_node_name)s.conf\n", "vm.conf": A}, "bad name": {"supervisord.conf": "[supervisord]\n[include]\nfiles=%(nope)s\n"},
    "nested": {"supervisord.conf": "[supervisord]\n[include]\nfiles=a.conf\n", "a.conf": A + "[include]\nfiles=b.conf\n", "b.conf": B}, "sub here": {"supervisord.conf": "[supervisord]\n[include]\nfiles=d/a.conf\n[program:m]\ncommand=m %(here)s\n", "d/a.conf": A},
    "double percent here": {"supervisord.conf": "[supervisord]\n[include]\nfiles=d/a.conf\n[program:m]\ncommand=m %%(here)s\n", "d/a.conf": "[program:a]\ncommand=a %%(here)s\n"},
    "default here": {"supervisord.conf": "[DEFAULT]\ndirectory=%(here)s\n[supervisord]\n[include]\nfiles=d/a.conf\n[program:m]\ncommand=m\n", "d/a.conf": A}, "default in include": {"supervisord.conf": "[supervisord]\n[include]\nfiles=d/a.conf\n[program:m]\ncommand=m\n", "d/a.conf": "[DEFAULT]\ndirectory=%(here)s\nstartsecs=9\n" + A},
    "here in servers": {"supervisord.conf": "[supervisord]\n[include]\nfiles=d/a.conf\n[unix_http_server]\nfile=/tmp/s\nusername=%(here)s\npassword=p\n", "d/a.conf": A}, "override": {"supervisord.conf": "[supervisord]\nminfds=5\n[include]\nfiles=d/a.conf\n", "d/a.conf": "[supervisord]\nminfds=6\n" + A},
    "supervisord inside": {"supervisord.conf": "[include]\nfiles=a.conf\n", "a.conf": "[supervisord]\n"}, "broken": {"supervisord.conf": "[supervisord]\n[include]\nfiles=a.conf\n", "a.conf": "[program:a]\nfoo\n"},
    "broken value": {"supervisord.conf": "[supervisord]\n[include]\nfiles=a.conf\n", "a.conf": "[program:a]\ncommand=a\nautostart=maybe\n"}, "empty file": {"supervisord.conf": "[supervisord]\n[include]\nfiles=a.conf\n", "a.conf": ""},
    "starts with key": {"supervisord.conf": "[supervisord]\n[include]\nfiles=a.conf\n", "a.conf": "command=x\n" + A}, "continues": {"supervisord.conf": "[supervisord]\n[program:x]\ncommand=a\n[include]\nfiles=a.conf\n", "a.conf": "  more\n"},
    "bom": {"supervisord.conf": "[supervisord]\n[include]\nfiles=a.conf\n", "a.conf": "\ufeff" + A}, "lines": {"supervisord.conf": "[supervisord]\n[include]\nfiles =\n  a.conf\n  b.conf\n", "a.conf": A, "b.conf": B},
    "comment": {"supervisord.conf": "[supervisord]\n[include]\nfiles = a.conf ; b.conf\n", "a.conf": A, "b.conf": B}, "include first": {"supervisord.conf": "[include]\nfiles = a.conf\n[supervisord]\n[program:a]\ncommand=main\n", "a.conf": "[program:a]\ncommand=inc\n"},
    "absolute nothing": {"supervisord.conf": "[supervisord]\n[include]\nfiles=/nosuch/*.conf\n"}, "dot dot": {"supervisord.conf": "[supervisord]\n[include]\nfiles=d/../a.conf\n", "d/x": "", "a.conf": A}, "dot": {"supervisord.conf": "[supervisord]\n[include]\nfiles=./a.conf ./d/./b.conf\n", "a.conf": A, "d/b.conf": B},
    "indented section": {"supervisord.conf": "[supervisord]\n[include]\n  files=a.conf\n", "a.conf": "  " + A.replace("\n", "\n  ")}, "tilde": {"supervisord.conf": "[supervisord]\n[include]\nfiles=~/a.conf\n", "~/a.conf": A}, "files twice": {"supervisord.conf": "[supervisord]\n[include]\nfiles=a.conf\nfiles=b.conf\n", "a.conf": A, "b.conf": B},
    "main again": {"supervisord.conf": "[supervisord]\n[include]\nfiles=supervisord.conf\n" + A}, "percent": {"supervisord.conf": "[supervisord]\n[include]\nfiles=a%%.conf\n", "a%.conf": A},
}


def program(key, value, extra=""):
    command = "" if key == "command" else "command=c\n"
    return "[supervisord]\n[program:x]\n%s%s=%s\n%s" % (command, key, value, extra)


def program_cases():
    two = "numprocs=2\nprocess_name=%(program_name)s_%(process_num)d\n"
    for key in KEYS:
        for value in VALUES.get(key, BOOLEANS + ["%(process_num)d"]):
            yield "%s=%s" % (key, value), program(key, value)
            if key not in ("numprocs", "process_name"):
                yield "%s=%s, two" % (key, value), program(key, value, two)


def names_cases():
    """Which names may be used in which key."""
    for key in KEYS:
        for name in ("here", "host_node_name", "program_name", "group_name", "process_num", "numprocs",
                     "ENV_TESTV", "ENV_QUEUE_WORKERS", "ENV_A", "ENV_G"):
            value = "%%(%s)s" % name
            value = "A=" + value if key == "environment" else value
            extra = "" if key == "environment" else "environment=A=5\n"
            body = program(key, value, extra).replace("[supervisord]\n", "[supervisord]\nenvironment=G=6\n")
            yield "%s in %s" % (name, key), body
            yield "%s in %s of a group" % (name, key), body + "[group:g]\nprograms=x\n"
    for key in SUPERVISORD:
        for name in ("here", "host_node_name", "program_name", "ENV_TESTV", "ENV_QUEUE_WORKERS"):
            value = "%%(%s)s" % name
            value = "A=" + value if key == "environment" else value
            yield "%s in supervisord.%s" % (name, key), "[supervisord]\n%s=%s\n" % (key, value)


def section_cases():
    for key, values in SUPERVISORD.items():
        for value in values:
            yield "supervisord %s=%s" % (key, value), "[supervisord]\n%s=%s\n[program:x]\ncommand=c\n" % (key, value)
    members = ("[program:a]\ncommand=a\npriority=5\n[program:b]\ncommand=b\nnumprocs=2\nprocess_name=b%(process_num)d\n"
               "[fcgi-program:f]\ncommand=f\nsocket=tcp://h:1\n[eventlistener:l]\ncommand=l\nevents=EVENT\n"
               "[program:both]\ncommand=x\n[fcgi-program:both]\ncommand=x\nsocket=tcp://h:2\n")
    for programs in GROUPS:
        yield "group of %s" % programs, "[supervisord]\n" + members + "[group:g]\nprograms=%s\n" % programs
    for value in PRIORITIES:
        yield "group priority %s" % value, "[supervisord]\n[program:a]\ncommand=a\n[group:g]\nprograms=a\npriority=%s\n" % value
    for header in HEADERS:
        yield "header %s" % header, "[supervisord]\n%s\ncommand=c\n[program:z]\ncommand=z\n" % header
    for text in SERVERS + PLUGINS:
        yield text.replace("\n", " "), "[supervisord]\n%s\n" % text
    for text in LISTENERS:
        yield "listener " + text, "[supervisord]\n[eventlistener:e]\ncommand=e\n%s\n" % text
    for text in SOCKETS:
        yield "fcgi " + text, "[supervisord]\n[fcgi-program:f]\ncommand=f\n%s\n" % text


def line_cases():
    for line in LINES:
        yield "line %r" % line, "[supervisord]\n[program:x]\ncommand=c\n%s\n" % line
        yield "line %r first" % line, "[supervisord]\n[program:x]\n%s\ncommand=c\n" % line
        yield "line %r continued" % line, "[supervisord]\n[program:x]\n  command=c\n%s\n    more\n" % line


def systematic():
    """Yields (name, files) for every rule."""
    for maker in (program_cases, names_cases, section_cases, line_cases):
        for name, text in maker():
            yield name, {"supervisord.conf": text}
    for name, text in WHOLE.items():
        yield name, {"supervisord.conf": text}
    for name, files in FILES.items():
        yield "include " + name, files


def random_program(rng, name):
    lines = ["[%s]" % name, "command=%s" % rng.choice(COMMANDS if rng.random() < 0.2 else ["run %(program_name)s"])]
    for key in rng.sample(KEYS, rng.randrange(0, 6)):
        if key == "command":
            continue
        values = VALUES.get(key, BOOLEANS)
        good = values[:4] if rng.random() < 0.9 else values
        lines.append("%s%s%s" % (key, rng.choice(["=", " = ", ":", " : "]), rng.choice(good)))
    if rng.random() < 0.4:
        lines += ["numprocs=%d" % rng.randrange(0, 13), "process_name=%(program_name)s_%(process_num)02d"]
    if rng.random() < 0.1:
        lines.insert(rng.randrange(1, len(lines)), rng.choice(LINES))
    return "\n".join(lines) + "\n"


def random_config(seed):
    """A mixture of sections and keys; about half of them are valid."""
    rng = random.Random(seed)
    names = rng.sample(["a", "b", "c", "web", "queue", "A", "z1"], rng.randrange(1, 5))
    parts = []
    for name in names:
        kind = rng.choice(["program"] * 6 + ["eventlistener", "fcgi-program"])
        part = random_program(rng, "%s:%s" % (kind, name))
        if kind == "eventlistener":
            part += rng.choice(LISTENERS[:5]) + "\n"
        if kind == "fcgi-program":
            part += rng.choice(SOCKETS[:3]) + "\n"
        parts.append(part)
    if rng.random() < 0.4:
        parts.append("[group:%s]\nprograms=%s\npriority=%d\n" % (
            rng.choice(["g", "a", "web"]), ",".join(rng.sample(names, rng.randrange(1, len(names) + 1))),
            rng.randrange(-1, 1000, 500)))
    if rng.random() < 0.3:
        parts.append(rng.choice(SERVERS) + "\n")
    if rng.random() < 0.2:
        parts.append("[DEFAULT]\n%s=%s\n" % (lambda k: (k, rng.choice(VALUES.get(k, BOOLEANS)[:4])))(rng.choice(KEYS[3:])))
    key = rng.choice(sorted(SUPERVISORD))
    parts.append("[supervisord]\n%s=%s\n" % (key, rng.choice(SUPERVISORD[key][:5])))
    rng.shuffle(parts)
    if rng.random() < 0.3:
        cut = rng.randrange(0, len(parts))
        return {"supervisord.conf": "".join(parts[:cut]) + "[include]\nfiles=d/*.conf\n", "d/x.conf": "".join(parts[cut:])}
    return {"supervisord.conf": "".join(parts)}
