"""Edited files: reread, add, remove and update, by XML-RPC and by Debian's supervisorctl."""
from ..house import HEAD, SERVER, House, program

S = "supervisor."


def sleeper(name, kind="program", **keys):
    return program(name, "sleep 1000", kind, startsecs=0, **keys)


LISTENER = program("ears", "sh -c 'echo READY; exec sleep 1000'", "eventlistener", events="TICK_3600", stdout_logfile=None)
FIRST = HEAD + SERVER + sleeper("stays") + sleeper("goes") + sleeper("changes") + \
    sleeper("many", numprocs=2, process_name="%(program_name)s_%(process_num)d") + \
    "[include]\nfiles=conf.d/*.conf\n"
house = House("reread", FIRST, files={
    "conf.d/inc.conf": sleeper("inc"),
    "conf.d/g.conf": sleeper("g1") + sleeper("g2") + "[group:g]\nprograms=g1,g2\n"})


def rewrite(t, *edits, text=FIRST):
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    t.wait_all_executed()
    t.write("supervisord.conf", text)
    return text


def pids(t):
    return {f"{i['group']}:{i['name']}": i["pid"] for i in t.call(S + "getAllProcessInfo")}


@house.then
def nothing_changed(t):
    t.wait_log("spawned", 7)
    t.see("reload", t.call(S + "reloadConfig"))
    t.see("ctl reread", t.ctl("reread"))
    t.see("ctl update", t.ctl("update"))


@house.then
def reread_applies_nothing(t):
    before = pids(t)
    rewrite(t, (sleeper("goes"), ""), (sleeper("changes"), sleeper("changes", priority=5) + sleeper("comes")))
    for again in range(2):
        t.see(f"reload {again}", t.call(S + "reloadConfig"))
    t.see("ctl reread", t.ctl("reread"))
    t.see("untouched", pids(t) == before)
    t.see("avail", t.ctl("avail"))


@house.then
def add_and_remove(t):
    t.see("add", t.call(S + "addProcessGroup", "comes"))
    t.wait_state("comes", "RUNNING")
    t.see("add again", t.call(S + "addProcessGroup", "comes"))
    t.see("add unknown", t.call(S + "addProcessGroup", "nosuch"))
    t.see("remove running", t.call(S + "removeProcessGroup", "goes"))
    t.see("stop", t.call(S + "stopProcess", "goes"))
    t.see("remove", t.call(S + "removeProcessGroup", "goes"))
    t.see("remove again", t.call(S + "removeProcessGroup", "goes"))
    t.see("info", t.call(S + "getProcessInfo", "goes"))
    t.see("reload", t.call(S + "reloadConfig"))


@house.then
def update_of_the_rest(t):
    before = pids(t)
    t.see("update", t.ctl("update"))
    after = pids(t)
    t.see("same", sorted(n for n in after if before.get(n) == after[n]))
    t.see("again", t.ctl("update"))


@house.then
def a_bad_file(t):
    before = pids(t)
    rewrite(t, ("startsecs=0", "startsecs=soon"))
    answer = t.call(S + "reloadConfig")
    t.see("code", answer["fault"])
    t.see("text", answer["text"].split(":")[0])
    status, said = t.ctl("reread")
    t.see("ctl reread", [status, said.split(":")[:2]])
    status, said = t.ctl("update")
    t.see("ctl update", [status, said.split(":")[:2]])
    t.see("untouched", pids(t) == before)


@house.then
def more_processes(t):
    rewrite(t, ("numprocs=2", "numprocs=3"))
    t.see("update", t.ctl("update", "many"))
    t.wait_state("many:many_2", "RUNNING")
    t.see("names", sorted(n for n in pids(t) if n.startswith("many")))


@house.then
def update_by_name(t):
    rewrite(t)
    t.write("conf.d/inc.conf", sleeper("inc", stopsignal="INT"))
    t.write("conf.d/g.conf", sleeper("g1") + sleeper("g2") + "[group:g]\nprograms=g1,g2\npriority=998\n")
    t.see("unknown", t.ctl("update", "nosuch"))
    t.see("one", t.ctl("update", "inc"))
    t.see("left", t.call(S + "reloadConfig"))
    t.see("two words", t.ctl("update", "goes", "many"))
    t.see("all", t.ctl("update", "all"))
    t.see("nothing left", t.call(S + "reloadConfig"))


@house.then
def the_order_of_members(t):
    t.write("conf.d/g.conf", sleeper("g1") + sleeper("g2") + "[group:g]\nprograms=g2,g1\npriority=998\n")
    t.differs("in the order of `programs=`", "reload", t.call(S + "reloadConfig"), [[[], ["g"], []]], [[[], [], []]])
    t.ctl("update")


@house.then
def each_key_is_a_change(t):
    base = FIRST
    keys = {"command": "sleep 1001", "priority": 7, "autostart": "false", "autorestart": "true", "startsecs": 1,
            "startretries": 9, "exitcodes": "0,2", "stopsignal": "QUIT", "stopwaitsecs": 9, "stopasgroup": "true",
            "killasgroup": "true", "user": "root", "redirect_stderr": "true", "directory": "/tmp", "umask": "077",
            "environment": "A=1", "stdout_logfile": "/run/w/x.log", "stdout_logfile_maxbytes": "1MB",
            "stdout_logfile_backups": 2, "stdout_capture_maxbytes": "1KB", "stdout_events_enabled": "true",
            "stdout_syslog": "true", "serverurl": "unix:///x", "nonsense": "1"}
    changed = {}
    for key, value in keys.items():
        rewrite(t, (sleeper("stays"), sleeper("stays") + f"{key}={value}\n"), text=base)
        changed[key] = t.call(S + "reloadConfig")
    t.see("changed", changed)
    rewrite(t, ("childlogdir", "environment=MORE=1\nchildlogdir"))
    t.see("environment of all", t.call(S + "reloadConfig"))
    rewrite(t)


@house.then
def another_kind(t):
    rewrite(t, (sleeper("stays"), sleeper("stays", "eventlistener", events="TICK_3600")))
    t.see("reload", t.call(S + "reloadConfig"))
    t.see("update", t.ctl("update"))
    t.see("info", sorted(pids(t)))
    rewrite(t)
    t.see("back", t.ctl("update"))


@house.then
def a_stopped_one_comes_back(t):
    t.see("stop", t.ctl("stop", "changes"))
    t.see("update", t.ctl("update"))
    t.see("state", t.state("changes"))
    rewrite(t, (sleeper("changes"), sleeper("changes", stopwaitsecs=5, exitcodes=4)))
    t.see("update changed", t.ctl("update"))
    t.wait_state("changes", "RUNNING")


@house.then
def groups_come_and_go_by_hand(t):
    rewrite(t, (sleeper("goes"), ""), (sleeper("stays"), sleeper("stays") + sleeper("new")))
    t.see("reread", t.ctl("reread"))
    t.see("add", t.ctl("add", "new", "nosuch", "new"))
    t.see("remove", t.ctl("remove", "goes", "nosuch"))
    t.see("stop", t.ctl("stop", "goes"))
    t.see("remove stopped", t.ctl("remove", "goes"))
    t.see("status", t.ctl("status", "goes"))


@house.then
def reload_starts_everything_anew(t):
    before = pids(t)
    t.see("reload", t.ctl("reload"))

    def anew():
        infos = t.call(S + "getAllProcessInfo")
        return isinstance(infos, list) and all(
            i["statename"] == "RUNNING" and i["pid"] != before.get(f"{i['group']}:{i['name']}") for i in infos) and infos
    infos = t.wait(anew, timeout=40)
    t.see("names", [f"{i['group']}:{i['name']}" for i in infos])


@house.then
def restart_with_an_error(t):
    rewrite(t, ("startsecs=0", "startsecs=soon"))
    t.differs("`restart` with an error", "answer", t.call(S + "restart"), True, lambda a: a.get("fault") == 92)
