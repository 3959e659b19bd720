"""Event listeners: what they get, in which order, and what happens when they do not behave."""
import datetime
import json
import os
import re
import signal

from harness.listening import (BEGIN, CONF, END, LARGE, REMOTE, events, go, in_order, listener, short, wait_event,
                               wait_events)
from harness.namespace import command_of
from harness.rpc import Rpc
from harness.upgrading import upgrade


def clock(text):
    return datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S,%f")


def remote(s, *data):
    for text in data:
        s.ask("remote_event", "t", str(text))


def remotes(got):
    return [e["payload"].partition("\n")[2] for e in got]


def test_life_of_a_program(sup):
    """Header and payload of each event, as Supervisor has them."""
    s = sup(CONF + listener("l", "PROCESS_STATE,PROCESS_GROUP,SUPERVISOR_STATE_CHANGE", buffer_size=100) + """
[program:w]
command=/bin/sh -c "exit 3"
process_name=w_%(process_num)d
startsecs=0
autostart=false
autorestart=false
[program:v]
command=/bin/sleep 1000
startsecs=0
autostart=false
[group:g]
programs=w
""")
    wait_event(s, "processname:l groupname:l from_state:STARTING pid:")
    s.ok("start", "g:w_0")
    wait_event(s, "from_state:RUNNING expected:0")
    s.ok("start", "v")
    s.ok("stop", "v")
    wait_event(s, "processname:v groupname:v from_state:STOPPING")
    got = events(s)
    me, pid = s.status("l")["l"]["pid"], {e["payload"].partition("pid:")[2] for e in got[-3:]}
    died = re.search(r"pid:(\d+)", next(e for e in got if e["eventname"].endswith("EXITED"))["payload"])[1]
    assert len(pid) == 1
    assert short(got) == [
        ("PROCESS_GROUP_ADDED", "groupname:l\n"),
        ("PROCESS_GROUP_ADDED", "groupname:g\n"),
        ("PROCESS_GROUP_ADDED", "groupname:v\n"),
        ("SUPERVISOR_STATE_CHANGE_RUNNING", ""),
        ("PROCESS_STATE_STARTING", "processname:l groupname:l from_state:STOPPED tries:0"),
        ("PROCESS_STATE_RUNNING", f"processname:l groupname:l from_state:STARTING pid:{me}"),
        ("PROCESS_STATE_STARTING", "processname:w_0 groupname:g from_state:STOPPED tries:0"),
        ("PROCESS_STATE_RUNNING", f"processname:w_0 groupname:g from_state:STARTING pid:{died}"),
        ("PROCESS_STATE_EXITED", f"processname:w_0 groupname:g from_state:RUNNING expected:0 pid:{died}"),
        ("PROCESS_STATE_STARTING", "processname:v groupname:v from_state:STOPPED tries:0"),
        ("PROCESS_STATE_RUNNING", f"processname:v groupname:v from_state:STARTING pid:{min(pid)}"),
        ("PROCESS_STATE_STOPPING", f"processname:v groupname:v from_state:RUNNING pid:{min(pid)}"),
        ("PROCESS_STATE_STOPPED", f"processname:v groupname:v from_state:STOPPING pid:{min(pid)}"),
    ]
    assert got[0]["line"] == "ver:3.0 server:supervisor serial:0 pool:l poolserial:0 " \
        "eventname:PROCESS_GROUP_ADDED len:12\n"
    assert [int(e["serial"]) for e in got] == list(range(len(got))) and in_order(got)
    assert all(int(e["len"]) == len(e["payload"]) for e in got)


def test_one_that_gives_up(sup):
    s = sup(CONF + listener("l", "PROCESS_STATE_BACKOFF,PROCESS_STATE_FATAL,PROCESS_STATE_STARTING", buffer_size=100) + """
[program:w]
command=/bin/sh -c "exit 3"
startsecs=10
startretries=1
backoff=10ms
autostart=false
""")
    wait_event(s, "processname:l")
    s.ctl("start", "w")
    wait_event(s, "processname:w groupname:w from_state:BACKOFF")
    s.wait_state("w", "FATAL")
    got = [p for p in short(wait_events(s, 6)) if "processname:w" in p[1]]
    assert [(k, p.replace("processname:w groupname:w ", "")) for k, p in got] == [
        ("PROCESS_STATE_STARTING", "from_state:STOPPED tries:0"),
        ("PROCESS_STATE_BACKOFF", "from_state:STARTING tries:1"),
        ("PROCESS_STATE_STARTING", "from_state:BACKOFF tries:1"),
        ("PROCESS_STATE_BACKOFF", "from_state:STARTING tries:2"),
        ("PROCESS_STATE_FATAL", "from_state:BACKOFF"),
    ]


def test_output(sup):
    """Text and captures, in order with what happens to the process; characters or bytes."""
    s = sup(CONF + listener("l", "PROCESS_LOG,PROCESS_COMMUNICATION,PROCESS_STATE_EXITED", buffer_size=100)
            + listener("b", "PROCESS_LOG_STDOUT", "bytes", buffer_size=100, event_len="bytes") + f"""
[program:w]
command=/bin/sh -c "printf 'gr\\303\\274n\\n'; sleep 0.2; printf '\\303x'; sleep 0.2; printf '{BEGIN}h\\303\\244{END}'; \\
  echo oops >&2; exit 0"
stdout_events_enabled=true
stderr_events_enabled=true
stdout_capture_maxbytes=1MB
autostart=false
autorestart=false
startsecs=0
""".replace("\\\n", ""))
    s.wait_state("l", "RUNNING")
    s.wait_state("b", "RUNNING")
    s.ok("start", "w")
    wait_event(s, "from_state:RUNNING expected:1")
    got = short(events(s))
    pid = re.search(r"pid:(\d+)", got[0][1])[1]
    head = f"processname:w groupname:w pid:{pid}"
    assert got[-1] == ("PROCESS_STATE_EXITED", f"processname:w groupname:w from_state:RUNNING expected:1 pid:{pid}")
    assert [p for p in got if p[0] == "PROCESS_LOG_STDOUT"] == [
        ("PROCESS_LOG_STDOUT", f"{head} channel:stdout\ngrün\n"),
        ("PROCESS_LOG_STDOUT", head + " channel:stdout\nUndecodable: b'\\xc3x'")]
    assert ("PROCESS_LOG_STDERR", f"{head} channel:stderr\noops\n") in got
    assert ("PROCESS_COMMUNICATION_STDOUT", f"{head}\nhä") in got and len(got) == 5
    by_bytes = wait_events(s, 2, "b")
    assert [e["payload"] for e in by_bytes] == [p for k, p in got if k == "PROCESS_LOG_STDOUT"]
    assert int(by_bytes[0]["len"]) == int(events(s)[0]["len"]) + 1 == len(by_bytes[0]["payload"].encode())


def test_ticks(sup):
    s = sup(CONF + listener("l", "tick_5"))
    got = wait_events(s, 1)[0]
    assert got["eventname"] == "TICK_5" and re.fullmatch(r"when:\d+[05]", got["payload"])


def test_rejected_events_come_again_in_order(sup):
    s = sup(CONF + listener("l", REMOTE, "fail=2", "late"))
    s.wait_state("l", "RUNNING")
    remote(s, "a", "b", "c")
    go(s, what="ready")
    got = wait_events(s, 5)
    assert remotes(got) == ["a", "a", "a", "b", "c"]
    assert [int(e["serial"]) for e in got] == [0, 0, 0, 1, 2]
    s.wait(lambda: len(re.findall("WARN l: event was rejected", s.log_text())) == 2)


def test_one_that_dies_with_an_event(sup):
    """Another one gets it, before all that came later; nothing is lost and nothing else comes twice."""
    s = sup(CONF + listener("l", REMOTE, "die=2", "hold", buffer_size=100))
    s.wait_state("l", "RUNNING")
    remote(s, *range(8))
    wait_events(s, 1)
    go(s)
    got = wait_events(s, 9)
    assert remotes(got) == ["0", "1", *map(str, range(1, 8))]
    assert got[1]["listener"] != got[2]["listener"]
    s.kill(s.status("l")["l"]["pid"])
    remote(s, "last")
    assert remotes(wait_events(s, 10)) == ["0", "1", *map(str, range(1, 8)), "last"]


def test_several_of_a_pool(sup):
    """Each event goes to one of them; what one of them holds does not keep the others."""
    s = sup(CONF + listener("l", REMOTE, "slow=20", buffer_size=100, numprocs=3, process_name="%(process_num)d"))
    for i in range(3):
        s.wait_state(f"l:{i}", "RUNNING")
    remote(s, *range(30))
    got = wait_events(s, 30)
    assert sorted(map(int, remotes(got))) == list(range(30))
    assert len({e["listener"] for e in got}) == 3


def test_overflow(sup):
    """The oldest goes, and that is said in Supervisor's words."""
    s = sup(CONF + listener("l", REMOTE, "late", buffer_size=2) + listener("k", REMOTE, buffer_size=10))
    s.expect_log("pool l event buffer overflowed, discarding event [01]$")
    s.wait_state("l", "RUNNING")
    remote(s, "a", "b", "c", "d")
    s.wait_log("pool l event buffer overflowed, discarding event 1$")
    rows = {r["name"]: r for r in s.ask("listeners")[0]}
    assert (rows["l"]["listener"], rows["l"]["waiting"], rows["l"]["discarded"]) == ("ACKNOWLEDGED", 2, 2)
    go(s, what="ready")
    got = wait_events(s, 2)
    assert remotes(got) == ["c", "d"] and [int(e["poolserial"]) for e in got] == [2, 3]
    assert remotes(wait_events(s, 4, "k")) == ["a", "b", "c", "d"]


def test_one_that_breaks_the_protocol(sup):
    """UNKNOWN: it gets nothing more until it is started again; its pool keeps what it may."""
    s = sup(CONF + listener("l", REMOTE, "garbage"))
    s.wait_log("WARN l: has entered the UNKNOWN state and will no longer receive events, this usually "
               "indicates the process violated the eventlistener protocol$")
    remote(s, "a")
    shown = s.ctl("listeners")
    assert shown.returncode == 3 and re.search(r"^ *l +RUNNING +UNKNOWN +- +1 +10 +1 +0", shown.stdout, re.M)
    rows = json.loads(s.ctl("listeners", "--json").stdout)
    assert rows[0]["waiting"] == 1 and rows[0]["listener"] == "UNKNOWN" and not events(s)
    go(s, what="good")
    s.ok("restart", "l")
    assert remotes(wait_events(s, 1)) == ["a"]
    assert "I am no listener" in s.ok("tail", "l")
    s.wait(lambda: s.ctl("listeners").returncode == 0)


def test_bad_result_line(sup):
    s = sup(CONF + """[eventlistener:l]
command=/bin/sh -c "echo READY; read line; echo RESULT many; exec cat >/dev/null"
events=REMOTE_COMMUNICATION
startsecs=0
""")
    s.wait(lambda: s.ask("listeners")[0][0]["listener"] == "READY")
    remote(s, "a")
    s.wait_log(r"WARN l: bad result line: 'RESULT many'$")
    s.wait_log("WARN l: has entered the UNKNOWN state")
    row = s.ask("listeners")[0][0]
    assert row["waiting"] == 1 and row["listener"] == "UNKNOWN"


def test_one_that_does_not_listen(sup):
    """It has closed its standard input: that is said once, and the event waits for its next instance."""
    s = sup(CONF + """[eventlistener:l]
command=/bin/sh -c "echo READY; while ! [ -e %(here)s/close ]; do sleep 0.02; done; exec <&-; echo so >%(here)s/closed; exec sleep 1000"
events=REMOTE_COMMUNICATION
startsecs=0
""")
    s.wait(lambda: s.ask("listeners")[0][0].get("listener") == "READY")
    pipe = s.run("readlink", f"/proc/{s.status('l')['l']['pid']}/fd/0").stdout.strip()
    s.write("close", "")
    s.wait_file("closed", "so")
    # what its start used holds the other end a moment longer
    s.wait(lambda: s.run("ls", "-l", "/proc/1/fd").stdout.count(pipe) == 1, 20)
    remote(s, "a")
    s.wait_log("WARN l: has closed its standard input and will no longer receive events$")
    row = s.ask("listeners")[0][0]
    assert (row["listener"], row["waiting"]) == ("DEAF", 1) and s.ctl("listeners").returncode == 3


def test_large_events(sup):
    """More than a pipe holds: written as the listener reads it, while others go on."""
    s = sup(CONF + listener("l", "PROCESS_COMMUNICATION," + REMOTE, "hold") + listener("k", REMOTE) + LARGE)
    s.wait_state("l", "RUNNING")
    remote(s, "first")
    wait_events(s, 1)
    s.kill(s.status("l")["l"]["pid"], signal.SIGSTOP)
    go(s)
    s.ok("start", "w")
    s.wait(lambda: {r["name"]: r["waiting"] for r in s.ask("listeners")[0]}["l"] == 1)
    remote(s, "behind")
    assert remotes(wait_events(s, 2, "k")) == ["first", "behind"]
    s.kill(s.status("l")["l"]["pid"], signal.SIGCONT)
    got = wait_events(s, 3)
    assert got[1]["payload"].endswith("\n" + 300000 * "x") and int(got[1]["len"]) > 300000 and in_order(got)


def test_a_container_that_ends_with_its_program(sup):
    """The idiom of many images, a listener that ends supd: payloads have no newline, the rest of a line
    is the next header; supd is $PPID."""
    s = sup(CONF + """[eventlistener:processes]
command=bash -c "printf 'READY\\n' && while read line; do kill -SIGQUIT $PPID; done < /dev/stdin"
events=PROCESS_STATE_STOPPED,PROCESS_STATE_EXITED,PROCESS_STATE_FATAL
startsecs=0
[program:w]
command=/bin/sh -c "while ! [ -e %(here)s/end ]; do sleep 0.05; done; exit 1"
startsecs=0
autorestart=false
""", pid1=True)
    s.wait_state("processes", "RUNNING")
    s.write("end", "")
    assert s.wait_exit() == 0
    assert "received SIGQUIT" in s.log_text()


def test_last_words_with_a_full_log(sup):
    """What it has answered is done, though its log takes nothing and it dies before it was heard."""
    s = sup(CONF + listener("l", REMOTE, "told", buffer_size=100))
    s.wait_state("l", "RUNNING")
    log, seen = s.wait(lambda: [p for p in s.pids if "supd-log" in command_of(p)])[0], [None]

    def stuck():
        """At two looks nothing goes on: mostly it has answered the event that it has for supd."""
        row = s.ask("listeners")[0][0]
        told = row.get("event") in (None, *map(int, s.read("l.events.told").split()))
        seen.append((row["listener"], row.get("event")) if told and row["listener"] != "READY" else None)
        return seen[-1] is not None and seen[-1] == seen[-2]
    os.kill(log, signal.SIGSTOP)
    try:
        remote(s, *range(60))
        s.wait(stuck)
        pid = s.status("l")["l"]["pid"]
        s.kill(pid)
        s.wait(lambda: s.status("l")["l"].get("pid", pid) != pid)
    finally:
        os.kill(log, signal.SIGCONT)
    assert remotes(wait_events(s, 60)) == [str(i) for i in range(60)]


def test_the_way_down(sup):
    """Listeners are stopped last, and get what happened until then."""
    s = sup(CONF + listener("l", "SUPERVISOR_STATE_CHANGE,PROCESS_STATE_STOPPED", "slow=20") + """
[program:w]
command=/bin/sleep 1000
numprocs=3
process_name=%(process_num)d
startsecs=0
""")
    for i in range(3):
        s.wait_state(f"w:{i}", "RUNNING")
    wait_events(s, 1)
    s.wait(lambda: s.ask("listeners")[0][0]["listener"] == "READY")
    s.send(signal.SIGTERM)
    assert s.wait_exit() == 0
    kinds = [k for k, _ in short(events(s))]
    assert kinds == ["SUPERVISOR_STATE_CHANGE_RUNNING", "SUPERVISOR_STATE_CHANGE_STOPPING",
                     *["PROCESS_STATE_STOPPED"] * 3]


def test_the_way_down_after_an_upgrade(sup):
    """One that has an event has its two seconds for that, though another supd sent it."""
    s = sup(CONF + listener("l", REMOTE, "hold"))
    s.wait_state("l", "RUNNING")
    remote(s, "a")
    wait_events(s, 1)
    upgrade(s)
    s.send(signal.SIGTERM)
    assert s.wait_exit() == 0
    began, ended = (clock(re.search(rf"^(.*?) \w+ {what}", s.log_text(), re.M)[1])
                    for what in ("received SIGTERM", "stopped: l "))
    assert (ended - began).total_seconds() > 1.5


def test_update(sup):
    """What waits stays when the listener changes; another type, another pool, and the end of one."""
    conf = CONF + listener("l", REMOTE, "late", buffer_size=10)
    s = sup(conf)
    s.wait_state("l", "RUNNING")
    remote(s, "a")
    s.write("supd.conf", conf.replace(REMOTE, REMOTE + ",PROCESS_GROUP") + listener("z", REMOTE))
    s.ok("update")
    s.wait_state("l", "RUNNING")
    go(s, what="ready")
    s.wait_state("z", "RUNNING")
    remote(s, "b")
    wait_events(s, 1, "z")
    s.write("supd.conf", conf.replace(REMOTE, REMOTE + ",PROCESS_GROUP"))
    s.ok("update")
    got = short(wait_events(s, 4))
    assert [p for k, p in got if k == REMOTE] == ["type:t\na", "type:t\nb"]
    assert [p for k, p in got if k != REMOTE] == ["groupname:z\n", "groupname:z\n"]
    assert [r["name"] for r in s.ask("listeners")[0]] == ["l"]


def test_an_event_from_a_client(sup):
    """Supervisor's clients send them over XML-RPC, with any text."""
    s = sup(CONF + "[unix_http_server]\nfile=%(here)s/rpc.sock\n" + listener("l", REMOTE))
    s.wait_state("l", "RUNNING")
    s.wait(lambda: os.path.exists(s.path("rpc.sock")))
    rpc = Rpc(s.path("rpc.sock"))
    assert rpc.supervisor.sendRemoteCommEvent("grün", "two\nlines\t<&>") is True
    rpc("close")()
    assert short(wait_events(s, 1)) == [(REMOTE, "type:grün\ntwo\nlines\t<&>")]
