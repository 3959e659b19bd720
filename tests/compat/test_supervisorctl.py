"""supctl called as supervisorctl beside Debian's own: the same words, byte by byte the same output
and the same exit codes, against Debian's supervisord and against ours."""
import concurrent.futures
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
pytest.importorskip("supervisor.options")

from ctl import scripts  # noqa: E402
from ctl.server import FOLDER, Server  # noqa: E402
from harness.supervised import program  # noqa: E402
from harness.terminal import Terminal  # noqa: E402

SCRIPTS = {"life": scripts.LIFE, "logs": scripts.LOGS, "reload": scripts.RELOAD, "ending": scripts.ENDING,
           "words": scripts.WORDS}
# what is in our own words: the help of a command
OWN_WORDS = ("accepts no arguments", "requires a ", "too many arguments", "too few arguments", "no process name supplied")


def shown(text):
    """A command's help stands behind an error; it says the same in other words."""
    first = text.split("\n", 1)[0]
    return first if any(w in first for w in OWN_WORDS) else text


def sorted_results(words, text):
    """Of several processes that start or stop at once, any may be the first to have done so; groups that
    are gone from the configuration go in any order."""
    several = words.split()[0] in ("start", "stop", "restart") and re.search(r"\ball\b|:(\*|$)|:\* ", words) or \
        words.startswith("update")
    return "".join(sorted(text.splitlines(True))) if several else text


def differences(theirs, ours):
    found = []
    for a, b in zip(theirs, ours):
        assert a[0] == b[0]
        for what, x, y in zip(("exit", "stdout", "stderr"), a[1:], b[1:]):
            if what == "stdout":
                x, y = (sorted_results(a[0], shown(text)) for text in (x, y))
            if x != y:
                found.append(f"{a[0]}: {what}:\n  Debian's: {x!r}\n  ours:     {y!r}")
    assert len(theirs) == len(ours)
    return found


def played(script, theirs, real=True):
    """What one client sees of a server of its own."""
    server = Server(SCRIPTS[script], real)
    try:
        server.start()
        server.wait_up()
        return server.play(script, theirs)
    finally:
        wrong = server.close()
        assert not wrong, wrong


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_the_same_words(script):
    """Debian's client and ours, against Debian's server and ours."""
    worlds = [(True, True), (False, True), (True, False), (False, False)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        theirs, *others = pool.map(lambda who: played(script, *who), worlds)
    found = []
    for (client, real), seen in zip(worlds[1:], others):
        who = f"{'Debian' if client else 'our'}'s client, {'Debian' if real else 'our'}'s server: ".replace("our's", "our")
        found += [who + text for text in differences(theirs, seen)]
    assert not found, f"{len(found)} of {len(theirs)} differ:\n" + "\n".join(found)


@pytest.fixture
def server():
    """server(FILES) starts Debian's supervisord, or ours."""
    made = []

    def make(files, real=True):
        made.append(Server(files, real))
        made[-1].start()
        made[-1].wait_up()
        return made[-1]

    yield make
    wrong = [text for one in made for text in one.close()]
    assert not wrong, wrong


TYPED = {"supervisord.conf": "[unix_http_server]\nfile=/run/w/sock\nusername=me\npassword=secret\n" + scripts.HEAD +
         "prompt=here\nhistory_file=%(here)s/history\n" + scripts.program("good", "/bin/sleep 1000") +
         scripts.program("w", "/bin/sleep 1000", process_name="w_%(process_num)d", numprocs=2),
         "history": "pid good\n"}


def typed(s):
    """Our shell on a terminal; outside, since Ctrl-C ends nsenter, too."""
    s.write("typed.conf", s.read("w/supervisord.conf").replace(FOLDER, s.path("w")).replace("%(here)s", s.path("w")))
    return Terminal([s.client(False), "-c", s.path("typed.conf")], env={**s.env, "TERM": "xterm"})


def test_a_shell_on_a_terminal(server):
    """A password that is asked for, completion, a history that readline reads, too, and Ctrl-C."""
    s = server(TYPED)
    t = typed(s)
    try:
        t.expect("Server requires authentication\r\nUsername:")
        t.type("me\r")
        t.expect("Password:")
        t.type("secret\r")
        t.expect(r"good +RUNNING +pid \d+.*\r\n(.*\r\n)+here> ")
        assert "secret" not in t.seen
        t.type("stat\tgo\t\r")
        t.expect(r"\r\ngood +RUNNING [^\n]*\nhere> ")
        t.type("stop w\t\t")
        t.expect(r"w:\*")
        t.type("w_0\r")
        t.expect(r"w:w_0: stopped\r\nhere> ")
        t.type("\x1b[A\x1b[A\x1b[A\r")
        t.expect(r"\r\n\d+\r\nhere> ")
        t.type("tail -f good\r")
        t.expect("status code 404\r\nhere> ")
        t.type("\x03")
        assert t.ended() == 0
    finally:
        t.close()
    assert s.read("w/history") == "pid good\nstatus good \nstop w:w_0\npid good\ntail -f good\n"


def test_ctrl_c_ends_a_command_and_not_what_it_follows(server):
    s = server(scripts.LOGS)
    t = typed(s)
    try:
        t.expect("supervisor> ")
        t.type("tail -f talk\r")
        t.expect("and more")
        t.type("\x03")
        t.expect("\r\nsupervisor> ")
        t.type("fg cat\r")
        t.expect("Ctrl-C to exit")
        t.type("hello\r")
        t.expect(r"hello\r\n(.*\r\n)*hello\r\n")  # perhaps with a word about its stderr between
        t.type("\x03")
        t.expect("Exiting foreground\r\nsupervisor> ")
        t.type("quit\r")
        assert t.ended() == 0
    finally:
        t.close()


SIXTH = {"supervisord.conf": "[inet_http_server]\nport=[::1]:9001\nusername=me\npassword=secret\n" + scripts.HEAD.replace(
    "unix:///run/w/sock", "http://[::1]:9001\nusername=me\npassword=secret") +
    scripts.program("good", "/bin/echo hello", autorestart="false", stdout_logfile="/run/w/good.out")}


def test_a_variable_that_is_not_set(server):
    """The original lists all variables that there are, ours names the one that is missing."""
    s = server({"supervisord.conf": SIXTH["supervisord.conf"], "unset.conf": "[supervisorctl]\nprompt=%(ENV_NOPE)s\n"}, real=False)
    theirs, ours = [s.run(s.client(real), "-c", f"{FOLDER}/unset.conf", "version") for real in (True, False)]
    same = "Error: Format string '%(ENV_NOPE)s' for 'supervisorctl.prompt' contains names ('ENV_NOPE') which cannot be expanded"
    assert theirs.returncode == ours.returncode == 2 and theirs.stderr.startswith(same + ". Available names: ENV_")
    assert ours.stderr.startswith(same.replace(": ", f": {FOLDER}/unset.conf:2: ", 1) + ": the environment variable NOPE is not set\n")


def test_what_only_ours_has(server):
    """An address of IPv6, and the name as an option."""
    s = server(SIXTH, real=False)
    s.wait(lambda: s.read("w/good.out"))
    conf = f"{FOLDER}/supervisord.conf"
    by_name, by_option = [s.run(*argv, "-c", conf, "tail", "good") for argv in (
        [s.client(False)], [program("supctl"), "--as=supervisorctl"])]
    assert by_name.stdout == by_option.stdout == "hello\n\n" and by_name.returncode == by_option.returncode == 0
    t = Terminal(s.ns.enter_command([s.client(False), "-c", conf, "tail", "-f", "good"]), env=s.env)
    try:
        t.expect("Ctrl-C to exit <==\r\nhello")
    finally:
        t.close()
