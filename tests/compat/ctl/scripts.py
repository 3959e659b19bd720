"""The words that both clients are given. A script is a function of a Player; it runs inside."""

HEAD = """[supervisord]
logfile=/run/w/main.log
pidfile=/run/w/pid
childlogdir=/run/w
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix:///run/w/sock
"""
SERVER = "[unix_http_server]\nfile=/run/w/sock\n"


def program(name, command, **keys):
    keys = {"stdout_logfile": "NONE", "stderr_logfile": "NONE", "startsecs": 0, **keys}
    return f"[program:{name}]\ncommand={command}\n" + "".join(f"{k}={v}\n" for k, v in keys.items())


def check_states(p):
    p.wait_states(**{"good": "RUNNING", "once": "EXITED", "w:w_0": "RUNNING", "w:w_1": "RUNNING"})


# ---- one thing after the other with processes ----

LIFE = {"supervisord.conf": SERVER + HEAD + program("good", "/bin/cat", stdout_logfile="/run/w/good.out",
                                                    stderr_logfile="/run/w/good.err") +
        program("once", "/bin/true", autorestart="false") +
        program("off", "/bin/sleep 1000", autostart="false") +
        program("quick", "/bin/false", autostart="false", startsecs=1, startretries=0) +
        program("missing", "/no/such/program", autostart="false", startsecs=1, startretries=0) +
        program("folder", "/run", autostart="false", startsecs=1, startretries=0) +
        program("w", "/bin/sleep 1000", process_name="w_%(process_num)d", numprocs=2) +
        program("a_name_of_more_than_thirty_characters", "/bin/sleep 1000", autostart="false")}


def life(p):
    check_states(p)
    for words in ("status", "status all", "status good", "status w:*", "status w:", "status w:w_0 good", "status w",
                  "status nosuch", "status nosuch:*", "status nosuch:x good", "status once", "status good good",
                  "status off nosuch", "pid", "pid off", "pid good off", "pid nosuch",
                  "pid nosuch good", "version", "version x", "avail", "avail x"):
        p.ctl(*words.split(), note=words != "pid")
    for words in ("start", "start good", "start off", "start off", "start nosuch", "start nosuch:*", "start quick",
                  "start missing", "start folder", "start w:*", "start nosuch good missing", "start missing nosuch"):
        p.ctl(*words.split())
    p.wait_states(quick="FATAL")
    for words in ("stop", "stop off", "stop off", "stop nosuch", "stop nosuch:*", "stop w:w_1", "stop w:*",
                  "stop nosuch good", "status a_name_of_more_than_thirty_characters good quick w:", "start good w:w_0", "restart", "restart good", "restart off",
                  "restart nosuch", "restart nosuch:*", "restart w:w_0 missing"):
        p.ctl(*words.split())
    for words in ("signal", "signal HUP", "signal 0 good", "signal SIGNOPE good", "signal NOPE w:*", "signal 0 off",
                  "signal CONT nosuch", "signal CONT nosuch:*", "signal cont w:*", "signal 18 w:w_0 good",
                  "signal NOPE good", "signal x all"):
        p.ctl(*words.split())
    p.ctl("stop", "all")
    p.ctl("start", "good")
    p.ctl("start", "w:*")
    p.ctl("signal", "CONT", "all")


# ---- logs ----

LOGS = {"supervisord.conf": SERVER + HEAD + program(
    "talk", "/bin/sh /run/w/talk.sh", stdout_logfile="/run/w/talk.out", stderr_logfile="/run/w/talk.err") +
    program("none", "/bin/sleep 1000") + program("cat", "/bin/cat", stdout_logfile="/run/w/cat.out") +
    program("w", "/bin/sleep 1000", process_name="w_%(process_num)d", numprocs=2, stdout_logfile="/run/w/w%(process_num)d"),
        "talk.sh": "i=0; while [ $i -lt 300 ]; do echo line $i \u00e4; i=$((i+1)); done; "
                   "echo complained >&2; echo '<&> and more'; exec sleep 1000\n"}


def asleep(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        return f.read().rpartition(")")[2].split()[0] == "S"


def follow(p, *words, until, more=None):
    """tail -f and its like: until the text has come, then Ctrl-C."""
    import os
    import signal

    def during(pid, out, writer):
        p.wait(lambda: until in out(), lambda: f"{words}: {until!r} in {out()!r}")
        if more:
            more(writer, out)
        p.wait(lambda: asleep(pid))  # else Debian's client may be at its text, and say that it cannot connect
        os.kill(pid, signal.SIGINT)
    return p.ctl(*words, during=during)


def logs(p):
    p.wait(lambda: "and more" in p.read("talk.out"))
    p.wait(lambda: "complained" in p.read("talk.err"))
    for words in ("tail", "tail talk", "tail -10 talk", "tail -1 talk stdout", "tail talk stderr", "tail talk STDERR",
                  "tail -0 talk", "tail --5 talk", "tail -x talk", "tail -f", "tail talk nope", "tail a b c d",
                  "tail -1_0 talk", "tail -99999 talk", "tail -99999999999 talk", "tail nosuch", "tail none",
                  "tail -f nosuch", "tail -f none stderr", "tail w:*", "tail w:w_0", "maintail x", "maintail -x",
                  "maintail a b", "clear", "clear nosuch", "clear none", "clear w:*", "clear w:w_1 nosuch",
                  "fg", "fg a b", "fg nosuch"):
        p.ctl(*words.split())
    for amount in ("-0", "-100000"):
        assert "supervisord started with pid" in p.ctl("maintail", amount, note=False)[1]
    assert len(p.ctl("maintail", note=False)[1]) > 200
    follow(p, "tail", "-f", "talk", until="and more")
    follow(p, "tail", "-f", "talk", "stderr", until="complained")
    assert "Press Ctrl-C" in follow(p, "maintail", "-f", until="pid")[1]
    p.seen.pop()  # the end of the main log is not the same twice
    p.ctl("clear", "talk")
    p.wait(lambda: p.read("talk.out") == "")
    p.ctl("tail", "talk")
    p.ctl("clear", "all")
    foreground(p)


def foreground(p):
    import os

    def typed(pid, out, writer):
        p.wait(lambda: "Ctrl-C" in out())
        os.write(writer, b"hello \xc3\xa4\nagain\n")
        p.wait(lambda: "again" in out(), lambda: repr(out()))
        os.close(writer)
    p.ctl("fg", "cat", during=typed)

    def killed(pid, out, writer):
        p.wait(lambda: "again" in out())  # the end of what was said before
        p.rpc().stopProcess("cat")
        os.write(writer, b"nobody\n")
    p.ctl("fg", "cat", during=killed)
    p.ctl("fg", "cat")


# ---- the configuration ----

RELOAD = {"supervisord.conf": SERVER + HEAD + "[include]\nfiles=/run/w/*.ini\n" + program("keep", "/bin/sleep 1000"),
          "one.ini": program("go", "/bin/sleep 1000") + program("change", "/bin/sleep 1000") +
          program("off", "/bin/sleep 1000", autostart="false")}


def reload(p):
    p.wait_states(keep="RUNNING", go="RUNNING", change="RUNNING")
    for words in ("reread", "reread x", "update", "update nosuch", "avail", "add", "remove", "add keep", "add nosuch",
                  "remove keep", "remove nosuch", "remove off", "remove off", "avail", "add off", "add off"):
        p.ctl(*words.split())
    p.write("one.ini", program("change", "/bin/sleep 999") + program("come", "/bin/sleep 1000") +
            program("later", "/bin/sleep 1000", autostart="false") + program("off", "/bin/sleep 1000", autostart="false"))
    for words in ("reread", "avail", "update nosuch", "update come later nosuch", "reread"):
        p.ctl(*words.split())
    p.wait_states(come="RUNNING")
    for words in ("status", "update", "reread", "update all"):
        p.ctl(*words.split())
    p.wait_states(change="RUNNING")
    p.ctl("status")
    p.write("one.ini", "[program:bad]\nnumprocs=x\ncommand=x\n")
    failed = [p.ctl(word, note=False) for word in ("reread", "update")]
    assert [f[0] for f in failed] == [1, 1], failed
    assert failed[0][1].startswith("ERROR: CANT_REREAD: "), failed
    assert failed[1][1].startswith("error: <class 'xmlrpc.client.Fault'>, <Fault 92: "), failed
    p.write("one.ini", "")
    p.ctl("update")
    for words in ("reload x", "shutdown x", "reload"):
        p.ctl(*words.split())
    p.wait(lambda: p.read("main.log").count("spawned: 'keep'") == 2)
    p.wait_states(keep="RUNNING")
    p.ctl("status")


# ---- while it ends ----

ENDING = {"supervisord.conf": SERVER + HEAD + program(
    "deaf", "/bin/sh -c 'trap \"\" TERM; echo up; while [ ! -e /run/w/over ]; do sleep 0.1; done'", stopwaitsecs=40,
    stdout_logfile="/run/w/deaf.out")}


def ending(p):
    p.wait(lambda: "up" in p.read("deaf.out"))
    p.ctl("shutdown")
    for words in ("shutdown", "status", "start deaf", "stop deaf", "signal HUP deaf", "reread", "update", "avail",
                  "add deaf", "remove deaf", "reload", "pid", "tail deaf", "clear deaf", "version", "maintail"):
        p.ctl(*words.split())
    p.write("over", "")
    import os
    p.wait(lambda: not os.path.exists("/run/w/sock"))
    for words in ("shutdown", "status", "start deaf", "reread", "update", "reload", "avail", "pid", "fg deaf", "tail -f deaf"):
        p.ctl(*words.split())


# ---- a server with a password, others that are none, and the command line ----

WORDS = {"supervisord.conf": "[unix_http_server]\nfile=/run/w/sock\nusername=me\npassword=secret%%\n"
         "[inet_http_server]\nport=127.0.0.1:9001\n" + HEAD + program("good", "/bin/sleep 1000"),
         "right.conf": HEAD + "username=me\npassword=secret%%\nprompt=here\n",
         "none.conf": "[supervisord]\n", "empty.conf": "[supervisorctl]\n",
         "included.conf": "[include]\nfiles=right.conf\n",
         "expand.conf": "[supervisorctl]\nserverurl=unix://%(here)s/../w/./%(ENV_SOCK_NAME)s\nusername=me\n"
                        "password=secret%%\n",
         "nope.conf": "[supervisorctl]\nserverurl=%(ENV_NO_SUCH)s\n",
         "far.conf": "[supervisorctl]\nserverurl=http://localhost:1\n"}
TCP = "http://127.0.0.1:9001"


def words(p):
    import os
    os.environ["SOCK_NAME"] = "sock"
    p.wait(lambda: "good entered RUNNING" in p.read("main.log"))
    for line in ("status", "pid good", "reread", "start good", "tail -f good", "-u me -p wrong status",
                 "-u me -p secret% status", "-u me -p secret% tail -f good", "-c right.conf status",
                 "-c empty.conf status", "-c none.conf status", "-c included.conf status", "-c expand.conf status",
                 "-c far.conf status", "-c far.conf reread", "-c far.conf shutdown", "-c far.conf tail -f x",
                 f"-s {TCP} status", f"-s {TCP}/ status", "-s http://localhost:9001 status", f"-s {TCP} tail -f good",
                 f"-s {TCP} pid nosuch", "-s http://nosuch.invalid:9001 reread", "-s ftp://x/ status",
                 "-s unix:///run/w/main.log status", "-s unix:///run/w/nosuch status", "-s unix:///run/w/nosuch shutdown",
                 f"open {TCP}", "open unix:///run/w/nosuch", "open x", f"-u me -p secret% open {TCP}"):
        p.ctl(*line.split())
    for line in ("-x", "--foo", "-s", "--serverurl", "--help=1", "-s x status", "--se unix status", "-i -i status",
                 "-s http://a -s http://b status", "--h", "--password", "-u a --username b", "--hi x -u a -ub status",
                 "foo", "foo bar", "!x", "?nosuch", "help nosuch", "help EOF", "EOF", "quit", "exit", "?", "help",
                 "stat", "status:x", "-c"):
        p.ctl(*line.split())
    for args in (["status good"], [" help "], ["-"], [""], ["@"], ["help", "nosuch  thing"]):
        p.ctl("-s", TCP, *args)
    assert p.ctl("-c", "nope.conf", "status", note=False)[0] == 2
    assert p.ctl("-c", "/run/w/no.conf", "status", note=False)[2].startswith("Error: could not find config file /run/w/no.conf")
    assert p.ctl("-h", note=False)[0] == 0
    shell(p)


def shell(p):
    tcp = ("-s", TCP)
    for text in ("", "status\n", "pid nosuch\nquit\n", "\n  \nfoo\nhelp nosuch\nexit\nstatus\n", "shutdown\nn\n", "reload\n\n",
                 "status nosuch", f"open unix:///run/w/nosuch\nopen {TCP}\nstatus\n",
                 f"open unix:///run/w/sock\n"):
        p.ctl(*tcp, stdin=text)
    p.ctl("-c", "right.conf", stdin="status\n")
    p.ctl("-c", "right.conf", "-i", stdin="version\n")
    p.ctl(*tcp, "-i", "shutdown", stdin="n\n")
