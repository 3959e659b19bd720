"""GET / of Supervisor's servers: the status page, its actions, the tails of logs."""
import html.parser
import os
import re
import signal
import urllib.parse

import pytest

from harness.namespace import command_of
from harness.web import answers, ask, basic

VOID = {"meta", "link", "input"}


class Page(html.parser.HTMLParser):
    """What a browser without scripts makes of it: elements, texts, what forms would send."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.cells, self.rows = [], [], [], {}
        self.feed(text)
        self.close()
        assert self.open == [], f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("th", "td", "p", "pre", "caption", "h1", "title"):
            self.cells.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "tr":
            name, *rest = [text for kind, _, text in self.cells if kind in ("th", "td")][-4:]
            self.rows[name] = rest
            self.rows.pop("Name", None)

    def handle_data(self, data):
        if self.cells and self.cells[-1][0] in self.open and self.open[-1] not in ("button", "a"):
            self.cells[-1][2] += data

    def text(self, kind):
        return [text.strip("\n") for k, _, text in self.cells if k == kind]

    @property
    def notice(self):
        return "".join(text for kind, attrs, text in self.cells if attrs.get("role") == "status")

    @property
    def fields(self):
        """The hidden fields of the form that posts."""
        return {a["name"]: a["value"] for t, a in self.elements if t == "input" and a.get("type") == "hidden"}

    def buttons(self, field="do"):
        return [a["value"] for t, a in self.elements if t == "button" and a.get("name") == field]


def program(name, command="sleep 1000", **keys):
    keys = {"startsecs": 0, "stderr_logfile": "NONE", "stdout_logfile": "NONE", **keys}
    return f"[program:{name}]\ncommand={command}\n" + "".join(f"{k}={v}\n" for k, v in keys.items())


def conf(*programs, servers="[unix_http_server]\nfile=%(here)s/a.sock\n"):
    return "[supervisord]\nidentifier=the <host>\n" + servers + "".join(programs)


@pytest.fixture
def served(sup):
    def start(text, **kw):
        s = sup(text, **kw)
        s.http = s.path("a.sock")
        s.wait(lambda: answers(s.http))
        return s
    return start


def show(s, target="/", status=200, **kw):
    """The page; checks what holds for each."""
    got, text, headers = ask(s.http, "GET", target, **kw)
    assert got == status, text
    assert headers["Content-Type"] == "text/html; charset=utf-8" and headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script" not in headers["Content-Security-Policy"] and "<script" not in text
    return Page(text)


def press(s, button, field="do", page=None, **kw):
    """Presses a button as a browser does: POST, 303, GET; the page that follows."""
    page = page or show(s, **kw)
    assert button in page.buttons(field)
    body = urllib.parse.urlencode({**page.fields, field: button})
    status, text, headers = post(s, body, **kw)
    assert status == 303, text
    assert headers["Location"].startswith("/?m=")
    return show(s, headers["Location"], **kw)


def post(s, body, target="/", **kw):
    kw = {"Content-Type": "application/x-www-form-urlencoded", **kw}
    return ask(s.http, "POST", target, body, **kw)


def test_what_it_shows(served):
    s = served(conf(program("a"), program("b", "false", autorestart="false"), program("c", autostart="false"),
                    program("d", "/no/such", startretries=0, startsecs=1), program("<b>\"x\"&'", autostart="false")))
    s.wait_state("b", "EXITED")
    s.wait_state("d", "FATAL")
    page = show(s)
    pid = s.wait_state("a", "RUNNING")["pid"]
    state, text, _ = page.rows["a"]
    assert state == "RUNNING" and re.fullmatch(rf"pid {pid}, uptime 0:00:\d\d", text)
    assert page.rows["b"][0] == "EXITED" and page.rows["b"][1].endswith("exit status 1")
    assert page.rows["c"][:2] == ["STOPPED", "Not started"]
    assert page.rows["d"][0] == "FATAL" and "/no/such" in page.rows["d"][1]
    assert page.rows["<b>\"x\"&'"][0] == "STOPPED" and "start <b>\"x\"&'" in page.buttons()
    assert page.text("h1") == ["the <host>"] and page.notice == ""
    assert page.text("caption") == ["5 processes: 1 RUNNING, 2 STOPPED, 1 EXITED, 1 FATAL"]
    assert {"restart a", "stop a", "start b", "clear a"} <= set(page.buttons())
    assert {"start a", "stop b"}.isdisjoint(page.buttons())
    assert show(s, "/index.html").rows.keys() == page.rows.keys()
    assert ask(s.http, "HEAD", "/")[:2] == (200, "")
    assert show(s, "/?q=c").rows.keys() == {"c"} and show(s, "/?q=c").buttons("all") == []
    # no text of a link is shown
    assert show(s, "/?message=told+you&m=0123456789abcdef").notice == ""
    status, style, headers = ask(s.http, "GET", "/page.css")
    assert (status, headers["Content-Type"]) == (200, "text/css; charset=utf-8") and "table" in style
    assert ("link", {"rel": "stylesheet", "href": "/page.css"}) in page.elements


def test_actions(served):
    s = served(conf(program("a", "sh -c 'echo hello; exec sleep 1000'", stdout_logfile="%(here)s/a.log"),
                    program("b", "/no/such", autostart="false", startretries=0, startsecs=1), program("c")))
    first = s.wait_state("a", "RUNNING")["pid"]
    s.wait_file("a.log", "hello\n")  # it is stopped only then
    assert press(s, "stop a").notice == "a: stopped" and s.state("a") == "STOPPED"
    page = press(s, "start a")
    assert page.notice == "a: started" and page.rows["a"][0] == "RUNNING"
    second = s.status()["a"]["pid"]
    s.wait_file("a.log", "hello\nhello\n")
    assert press(s, "restart a").notice == "a: restarted"
    assert s.status()["a"]["pid"] not in (first, second)
    s.wait_file("a.log", "hello\nhello\nhello\n")  # the third one has written, too
    assert press(s, "clear a").notice == "a: log cleared" and s.read("a.log") == ""
    page = press(s, "start b")
    assert page.notice.startswith("b: ERROR (") and "/no/such" in page.notice
    page = press(s, "stop", "all")
    assert page.notice.startswith("stop all: ") and {row[0] for row in page.rows.values()} <= {"STOPPED", "FATAL"}
    page = press(s, "start", "all")
    assert "1 not:" in page.notice and "b: ERROR" in page.notice
    assert s.state("a") == s.state("c") == "RUNNING"
    # a filter stays
    page = press(s, "stop c", page=show(s, "/?q=c"))
    assert page.rows.keys() == {"c"} and page.fields["q"] == "c"


def test_what_takes_longer(served):
    """The page does not wait for the end of a stop that takes its time."""
    s = served(conf(program("a", "sh -c 'trap : TERM; while :; do sleep 1; done'", stopwaitsecs=60)))
    s.wait_state("a", "RUNNING")
    page = press(s, "stop a")
    assert page.notice == "stop a: under way" and page.rows["a"][0] == "STOPPING"
    s.send(signal.SIGTERM)
    s.wait_log("received SIGTERM indicating exit request$")
    s.hasten()


TWO = "[unix_http_server]\nfile=%(here)s/a.sock\nusername=u\npassword=p\n" \
      "[unix_http_server:b]\nfile=%(here)s/b.sock\nusername=u\npassword=q\n"


def agent_of(s):
    return next(p for p in s.pids if command_of(p).split("/")[-1].startswith("supd-agent"))


def test_only_its_own_forms(served):
    """Nothing is done for who has not seen this page of this server of this agent."""
    s = served(conf(program("a"), servers=TWO))
    s.wait_state("a", "RUNNING")
    auth = {"auth": ("u", "p")}
    assert ask(s.http, "GET", "/")[0] == 401 and post(s, "do=stop+a")[0] == 401
    mine = show(s, **auth).fields["token"]
    status, text, _ = ask(s.path("b.sock"), "GET", "/", auth=("u", "q"))
    assert status == 200
    others = Page(text).fields["token"]
    assert re.fullmatch("[0-9a-f]{32}", mine) and mine != others
    for body in ("do=stop+a", "do=stop+a&token=", f"do=stop+a&token={others}", f"do=stop+a&token={mine[:-1]}x",
                 f"do=stop+a&token={mine}x", ""):
        status, text, headers = post(s, body, **auth)
        assert status == 403 and "Nothing was done" in Page(text).notice and not headers["Location"]
    for body in (f"token={mine}", f"do=stop&token={mine}", f"do=shutdown+a&token={mine}", f"all=clear&token={mine}",
                 f"do=+a&token={mine}"):
        assert post(s, body, **auth)[0] == 400
    assert post(s, f"token={mine}&x=" + "y" * 20000, **auth)[0] == 413
    # another agent has another key
    agent = agent_of(s)
    s.expect_log("agent: ")
    os.kill(agent, signal.SIGKILL)
    s.wait(lambda: answers(s.http, **auth) == 200)
    assert post(s, f"do=stop+a&token={mine}", **auth)[0] == 403
    assert s.state("a") == "RUNNING"
    assert press(s, "stop a", Authorization=basic("u", "p")).notice == "a: stopped"


def test_links_of_old(served):
    """Supervisor's page did all this for any link."""
    s = served(conf(program("a")))
    s.wait_state("a", "RUNNING")
    for target in ("/?processname=a&action=stop", "/index.html?processname=a&action=stop", "/?action=stopall"):
        status, text, headers = ask(s.http, "GET", target)
        assert (status, headers["Allow"]) == (405, "POST") and "press the button" in Page(text).notice
        assert post(s, "", target)[0] == 403
    assert show(s, "/?action=refresh").notice == "" and s.state("a") == "RUNNING"


def test_tail(served):
    s = served(conf(program("a", "sh -c 'printf \"<b>\\033[1m\\303\\244\\377</b>\\n\"; exec sleep 1000'",
                            stdout_logfile="%(here)s/a.log")))
    s.wait_file("a.log", "</b>")
    page = show(s, "/tail.html?processname=a")
    assert page.text("pre") == ["<b>\ufffd[1m\u00e4\ufffd</b>"]
    assert show(s, "/tail.html?processname=a&limit=5").text("pre") == ["</b>"]
    s.write("a.log", "x" * 300_000 + "\u00e4 end")
    assert show(s, "/tail.html?processname=a&limit=5").text("pre") == [" end"]  # no half characters
    assert len(show(s, "/tail.html?processname=a&limit=1000000").text("pre")[0]) == 256 * 1024 - 1
    assert show(s, "/tail.html?processname=a&channel=stderr", 404).notice != ""
    assert show(s, "/tail.html?processname=%3Cx%3E", 404).text("h1") == ["<x> stdout"]
    assert ask(s.http, "GET", "/tail.html")[0] == 404
    (hrefs,) = [{a["href"] for t, a in show(s).elements if t == "a"}]
    assert "/tail.html?processname=a&channel=stdout" in hrefs


def test_a_thousand(served):
    s = served(conf("[program:w]\ncommand=sleep 1000\nautostart=false\nnumprocs=1000\n"
                    "process_name=%(program_name)s_%(process_num)03d\nstdout_logfile=NONE\nstderr_logfile=NONE\n"))
    text = ask(s.http, "GET", "/")[1]
    page = Page(text)
    assert len(page.rows) == 1000 and page.rows["w:w_999"][0] == "STOPPED"
    assert page.text("caption") == ["1000 processes: 1000 STOPPED"] and len(text) < 700_000
    status, _, _ = post(s, urllib.parse.urlencode({**page.fields, "do": "start w:w_500"}))
    assert status == 303 and s.state("w:w_500") == "RUNNING"
