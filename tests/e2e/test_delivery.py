"""Alerts through the real supd and supd-agent to receivers that are slow, broken, gone or full, to
Debian's Alertmanager and mail server, and many at once. A receiver tells notices apart by their ids:
what it took twice under one id it took once."""
import base64
import datetime
import email.utils
import hashlib
import hmac
import json
import re
import threading

import pytest

from harness.alertmanager import Alertmanager
from harness.exim import Exim
from harness.receiver import (Server, answer, hang, ok, reset_in_answer, reset_in_body, taken_but_reset)
from harness.waiting import wait

HEAD = "[supd]\n[agent]\nstate_dir=%(here)s/agent\n[supervisord]\n"


def hook(server, name, more=""):
    return f"[notify:{name}]\ntype=webhook\nurl={server.url}/{name}\n{more}"


def alert(server, name, notify, more=""):
    """An alert that fires while server.well[name] is False."""
    server.well.setdefault(name, True)
    return (f"[probe:{name}]\ntype=http\nurl={server.url}/p/{name}\ninterval=1s\ntimeout=1s\nfall=2\nrise=1\n"
            f"confirm=100ms\nstart_period=0s\n"
            f"[alert:{name}]\ntype=probe\nprobe={name}\nfor=0s\nkeep_firing=0s\nnodata_after=0s\nnotify={notify}\n{more}")


@pytest.fixture
def server():
    """server(HOOK=[actions]) starts one that is stopped at the end; see harness.receiver.Server."""
    made = []

    def start(**hooks):
        made.append(Server(**hooks))
        return made[-1]

    yield start
    for one in made:
        one.stop()


def ready(s, *servers):
    """Every probe has been well once: failures count from now on."""
    s.wait(lambda: all(f"probe {n}: WAITING -> OK" in s.log_text() for x in servers for n in x.well), 30)


def check_ids(told):
    """An id is one notice for one receiver, and it comes again only until its answer was read."""
    first = {}
    for t in told:
        before = first.setdefault(t.id, t)
        assert before.hook == t.hook and before.body == t.body, (before, t)
        assert t is before or not any(x.answered and x.taken for x in told[:told.index(t)] if x.id == t.id), (before, t)


def story(server, name, kinds, timeout=30):
    """Waits until a hook has taken just these kinds of notices, each id once."""
    wait(lambda: server.story(name) == kinds, timeout, lambda: f"{name} has {server.at(name)}, not {kinds}")


def date_in(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return email.utils.format_datetime(at, usegmt=True)


def full_until(seconds):
    """429 with the date until which nothing will be taken."""
    def act(server, conn, told):
        answer(429, "", Retry_After=date_in(seconds))(server, conn, told)
    return act


MISBEHAVE = {
    "seconds": [answer(429, "", Retry_After="3"), ok],
    "date": [full_until(4), ok],
    "error": [answer(500, "oops"), answer(503), ok, answer(500), ok],
    "hangs": [hang, ok, hang, ok],
    "lost": [taken_but_reset, ok, taken_but_reset, ok],
    "cut": [reset_in_answer, ok, reset_in_answer, ok],
    "body": [reset_in_body, ok, reset_in_body, ok],
}


@pytest.mark.timeout(120)
def test_receivers_that_misbehave(sup, server):
    """Each gets each notice once, in order; an end comes after its beginning, also where that was
    delivered late."""
    w, dead = server(**MISBEHAVE), server()
    conf = "".join(hook(w, n, "timeout=3s\n") + alert(w, n, n, "description=" + "x" * 5000 + "\n")
                   for n in MISBEHAVE)
    s = sup(HEAD + conf + hook(dead, "dead") + alert(w, "dead", "dead"), net=False)
    ready(s, w)
    dead.die()
    for name in w.well:
        w.well[name] = False
    for name in MISBEHAVE:
        story(w, name, ["firing"])
    # the one whose receiver is dead ends before its beginning arrives: then both do, in order
    s.wait_log(r"notifier dead: connection refused")
    w.well["dead"] = True
    s.wait_log(r"alert dead: RECOVERING -> OK")
    assert dead.told == []
    dead.listen()
    story(dead, "dead", ["firing", "resolved"])
    for name in MISBEHAVE:
        w.well[name] = True
    for name in MISBEHAVE:
        story(w, name, ["firing", "resolved"])
    check_ids(w.told + dead.told)
    first, second = w.at("seconds")[:2]
    assert 3 <= second.at - first.at < 20 and not first.taken
    first, second = w.at("date")[:2]
    assert 2.9 <= second.at - first.at < 20  # dates have whole seconds
    assert [t.taken for t in w.at("error")] == [False, False, True, False, True]
    assert [t.taken for t in w.at("hangs")] == [False, True, False, True]
    for name in ("lost", "cut"):
        told = w.at(name)
        assert [t.answered for t in told] == [False, True, False, True]
        assert told[0].id == told[1].id != told[2].id == told[3].id
    assert w.broken == 2 and len(w.at("body")) == 2


@pytest.mark.timeout(120)
def test_fallback_and_permanent_errors(sup, server):
    """After three failures, or at once if it is refused for good, somebody else is told, and that the
    notifier is broken; nobody is told of an end without a beginning."""
    w = server(fails=[answer(500), answer(500), answer(500), answer(500), ok],
               gone=[answer(410, "gone"), ok])
    s = sup(HEAD + hook(w, "fails", "fallback=chat\n") + hook(w, "gone", "fallback=mail\n") + hook(w, "chat") +
            hook(w, "mail") + alert(w, "a", "fails") + alert(w, "b", "gone"), net=False)
    ready(s, w)
    s.expect_log(r"alert .*notify:gone")
    w.well["a"] = w.well["b"] = False
    story(w, "mail", ["firing", "firing"])
    names = {t.notice["alert"]: t.notice for t in w.at("mail")}
    assert set(names) == {"b", "notify:gone"} and names["notify:gone"]["severity"] == "critical"
    assert "status 410: gone" in names["notify:gone"]["summary"]
    story(w, "chat", ["firing"])
    third = [t for t in w.at("fails") if not t.taken][2]
    assert w.at("chat")[0].at >= third.at
    story(w, "fails", ["firing"])  # it recovers: both know
    w.well["a"] = w.well["b"] = True
    story(w, "fails", ["firing", "resolved"])
    story(w, "chat", ["firing", "resolved"])
    s.wait(lambda: [k for k in w.story("mail", "b")] == ["firing", "resolved"])
    assert w.story("gone") == []  # it was never told, so it hears of no end
    # it takes notices again: its alert ends
    w.well["b"] = False
    story(w, "gone", ["firing"])
    s.wait(lambda: w.story("mail", "notify:gone") == ["firing", "resolved"])
    assert w.story("mail", "b") == ["firing", "resolved"]
    w.well["b"] = True
    story(w, "gone", ["firing", "resolved"])
    check_ids(w.told)


@pytest.mark.timeout(300)
def test_fallback_after_two_minutes(sup, server):
    """A receiver that asks for patience is given it, but people hear of it elsewhere meanwhile."""
    w = server(slow=[answer(429, "", Retry_After="150"), ok])
    s = sup(HEAD + hook(w, "slow", "fallback=chat\n") + hook(w, "chat") + alert(w, "a", "slow"), net=False)
    ready(s, w)
    w.well["a"] = False
    s.wait(lambda: w.at("slow"))
    story(w, "chat", ["firing"], 140)
    first = w.at("slow")[0]
    assert 119 <= w.at("chat")[0].at - first.at < 145 and len(w.at("slow")) == 1
    story(w, "slow", ["firing"], 60)
    assert w.at("slow")[1].at - first.at >= 150
    w.well["a"] = True
    story(w, "slow", ["firing", "resolved"])
    story(w, "chat", ["firing", "resolved"])
    check_ids(w.told)


@pytest.mark.timeout(120)
def test_a_limit_of_messages(sup, server):
    """Beginnings wait for the limit, one by one; ends do not, and one whose beginning waits still is
    one short notice."""
    names = [f"a{i}" for i in range(6)]
    w = server()
    s = sup(HEAD + hook(w, "hook", "rate=20\nburst=2\n") + "".join(alert(w, n, "hook") for n in names), net=False)
    ready(s, w)
    for n in names:
        w.well[n] = False
    s.wait(lambda: len(w.at("hook")) == 4, 30)
    at = [t.at for t in w.at("hook")]
    assert at[1] - at[0] < 2.9
    assert at[2] - at[0] > 2 and 2 < at[3] - at[2] < 10  # 20 a minute are one every 3 s
    for n in names:
        w.well[n] = True
    s.wait(lambda: all(w.story("hook", n)[-1:] in (["resolved"], ["brief"]) for n in names), 40)
    stories = sorted(w.story("hook", n) for n in names)
    assert stories.count(["firing", "resolved"]) >= 4 and stories[0] in (["brief"], ["firing", "resolved"])
    ends = [t.at for t in w.at("hook") if t.notice["kind"] == "resolved"]
    assert ends[3] - ends[0] < 8  # 9 s with the limit
    check_ids(w.told)


@pytest.mark.timeout(200)
def test_a_storm_is_one_digest(sup, server):
    """Thirty at once: the first twenty are told, of the others there is one notice that counts them
    all; in the end everybody who was told of a beginning is told of its end."""
    names = [f"a{i:02}" for i in range(30)]
    w = server()
    s = sup(HEAD + hook(w, "hook", "rate=6000\nburst=100\n") + "".join(alert(w, n, "hook") for n in names), net=False)
    ready(s, w)
    for n in names:
        w.well[n] = False
    s.wait(lambda: w.story("hook", "storm") == ["digest"], 30)
    single = [n for n in names if w.story("hook", n)]
    assert len(single) == 20 and all(w.story("hook", n) == ["firing"] for n in single)
    digest = next(t.notice for t in w.at("hook") if t.notice["alert"] == "storm")
    assert 20 < int(re.search(r"(\d+) alerts, roots: ", digest["summary"]).group(1)) <= 30, digest["summary"]
    for n in names:
        w.well[n] = True
    s.wait(lambda: all(w.story("hook", n) == ["firing", "resolved"] for n in single), 30)
    s.wait(lambda: w.story("hook", "storm") == ["digest", "resolved"], 100)
    assert all(not w.story("hook", n) for n in names if n not in single)
    check_ids(w.told)


# ---- Alertmanager ----

@pytest.fixture
def am(tmp_path, server):
    hooks = server()
    one = Alertmanager(tmp_path, hooks.url)
    one.hooks = hooks
    yield one
    one.close()


def seconds_ahead(stamp):
    return (datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")) -
            datetime.datetime.now(datetime.timezone.utc)).total_seconds()


@pytest.mark.timeout(300)
def test_alertmanager_is_killed_and_told_again(sup, server, am):
    """What fires is sent again before it would end there; one that was killed and knows nothing any
    more hears of it again; an end waits until it is back."""
    w = server()
    s = sup(HEAD + f"[notify:am]\ntype=alertmanager\nurls={am.url}\n" + alert(w, "a", "am") + alert(w, "b", "am"),
            net=False)
    ready(s, w)
    w.well["a"] = w.well["b"] = False
    s.wait(lambda: set(am.alerts()) == {"a", "b"}, 20)
    first = am.alerts()["a"]
    assert 200 < seconds_ahead(first["endsAt"]) <= 240
    w.well["b"] = True
    s.wait(lambda: set(am.alerts()) == {"a"})
    s.wait(lambda: am.alerts()["a"]["endsAt"] > first["endsAt"], 80)
    again = am.alerts()["a"]
    assert again["fingerprint"] == first["fingerprint"] and again["startsAt"] == first["startsAt"]
    assert 200 < seconds_ahead(again["endsAt"]) <= 240
    am.close()
    am.start()
    assert am.alerts() == {}
    s.wait(lambda: set(am.alerts()) == {"a"}, 80)
    am.close()
    w.well["a"] = True
    s.wait_log(r"notifier am: connection refused")
    am.start()
    s.wait(lambda: "a" not in am.alerts(), 60)
    s.wait(lambda: waiting(s, "am") == 0, 60)


def waiting(s, name):
    """How many notices wait for a notifier."""
    return int(re.search(r"(\d+) wait", s.ok("explain", name)).group(1))


@pytest.mark.timeout(120)
def test_alertmanager_has_one_alert_when_its_severity_changes(sup, server, am):
    """To Alertmanager another severity is another alert: the one of before ends at once."""
    w = server()
    conf = HEAD + f"[notify:am]\ntype=alertmanager\nurls={am.url}\n"
    s = sup(conf + alert(w, "a", "am", "severity=warning\n"), net=False)
    ready(s, w)
    w.well["a"] = False
    s.wait(lambda: [a["labels"]["severity"] for a in am.list()] == ["warning"], 20)
    s.write("supd.conf", conf + alert(w, "a", "am", "severity=critical\n"))
    s.ok("update")
    s.wait(lambda: [a["labels"]["severity"] for a in am.list()] == ["critical"], 20)
    s.wait(lambda: [a for t in am.hooks.raw("from-alertmanager") for a in t["alerts"]
                    if (a["status"], a["labels"]["severity"]) == ("resolved", "warning")], 20)
    w.well["a"] = True
    s.wait(lambda: am.list() == [], 20, lambda: am.list())


# ---- mail ----

@pytest.fixture
def mta(open_dir):
    one = Exim(open_dir())
    yield one
    one.stop()


@pytest.mark.timeout(120)
def test_mail_through_exim(sup, server, mta):
    """Over TLS with a password; it waits while the server has no room, and while it is gone; that there
    is nobody of that name is for good, and told elsewhere."""
    w = server()
    mail = (f"type=smtp\nurl=smtp://127.0.0.1:{mta.port}\nfrom=Supd <supd@example.com>\nuser=me\npassword=s3cr3t\n"
            f"tls_ca={mta.cert}\n")
    s = sup(HEAD + f"[notify:mail]\n{mail}to=a@example.com\n"
            f"[notify:wrong]\n{mail}to=nobody@example.com\nfallback=chat\n" + hook(w, "chat") +
            alert(w, "a", "mail", "summary=\u00e4rger with {{name}}\ndescription=.\n") + alert(w, "b", "wrong"), net=False)
    ready(s, w)
    mta.full(True)
    w.well["a"] = w.well["b"] = False
    s.wait_log(r"notifier mail: reply 451: 4\.3\.1 no room for now")
    assert mta.mails() == []
    mta.full(False)
    s.wait(lambda: len(mta.mails()) == 1, 20, mta.log)
    mta.stop()
    w.well["a"] = True
    s.wait(lambda: "Connection refused" in s.ok("explain", "mail"), 20, lambda: s.ok("explain", "mail"))
    mta.start()
    s.wait(lambda: len(mta.mails()) == 2, 30)
    first, second = mta.mails()
    assert "with esmtpsa" in first["Received"] and first["To"] == "a@example.com"
    assert first["Subject"] == "FIRING warning: \u00e4rger with a"
    assert second["Subject"].startswith("RESOLVED warning: ")
    assert first["Message-ID"] != second["Message-ID"] and first["References"] == second["References"]
    assert first["Auto-Submitted"] == "auto-generated" and not first.defects
    s.wait(lambda: sorted(t.notice["alert"] for t in w.at("chat")) == ["b", "notify:wrong"], 20)
    assert "reply 550: 5.1.1 there is nobody of that name" in \
        next(t.notice["summary"] for t in w.at("chat") if t.notice["alert"] == "notify:wrong")
    assert "s3cr3t" not in s.log_text()


# ---- every kind ----

def signed(told, secret):
    """Standard Webhooks, computed from the bytes that came."""
    text = f"{told.headers['webhook-id']}.{told.headers['webhook-timestamp']}.".encode() + told.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


@pytest.mark.timeout(120)
def test_one_alert_told_to_every_kind(sup, server, open_dir):
    """What the same beginning and end are to each of them (mail: see above). The pages of their
    documentation are in tests/golden/notify, byte for byte."""
    w = server(pd=[answer(202, '{"status":"success"}')])
    file = open_dir() / "told"
    file.parent.chmod(0o777)
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    s = sup(HEAD + hook(w, "hook", f"secret={secret}\n") +
            f"[notify:slack]\ntype=slack\nurl={w.url}/slack\n"
            f"[notify:pd]\ntype=pagerduty\nurl={w.url}/pd\nrouting_key=0123456789abcdef0123456789abcdef\n"
            f"[notify:am]\ntype=alertmanager\nurls={w.url}\n[notify:log]\ntype=log\n"
            f"[notify:cmd]\ntype=command\ncommand=/bin/sh -c 'echo \"$SUPD_STATUS $SUPD_ID\"  >>{file}; "
            f"cat >>{file}'\n" +
            alert(w, "a", "hook,slack,pd,am,log,cmd", "severity=critical\nrunbook=https://wiki.example/a\n"), net=False)
    ready(s, w)
    s.expect_log(r"alert a: firing")
    hooks = ("hook", "slack", "pd", "api/v2/alerts")
    for i, kind in enumerate(("firing", "resolved")):
        w.well["a"] = bool(i)
        s.wait(lambda: [k for k in w.story("hook") if k == kind] and all(len(w.at(h)) > i for h in hooks), 30)
        s.wait_log(rf"alert a: {kind} severity=critical ", 20)
        s.wait(lambda: file.exists() and re.search(rf"^{kind} .*\n{{.*}}\n", file.read_text(), re.M), 20)
    told = {h: w.raw(h) for h in hooks}
    first, last = (t["supd"] for t in told["hook"])
    for t in w.at("hook"):
        assert signed(t, secret) in t.headers["webhook-signature"].split(" ")
    assert told["slack"][0]["text"] == "FIRING critical: " + first["summary"]
    assert told["slack"][1]["text"] == "RESOLVED critical: " + last["summary"]
    assert [p["event_action"] for p in told["pd"]] == ["trigger", "resolve"]
    assert {p["dedup_key"] for p in told["pd"]} == {first["key"]} == {last["key"]}
    assert told["pd"][0]["payload"]["severity"] == "critical"
    one, end = told["api/v2/alerts"][0][0], told["api/v2/alerts"][-1][0]
    assert one["labels"] == end["labels"] and one["startsAt"] == end["startsAt"] == first["starts"]
    assert one["annotations"]["runbook_url"] == first["runbook"] == "https://wiki.example/a"
    assert 200 < seconds_ahead(one["endsAt"]) <= 240 and end["endsAt"] == last["ends"]
    heads, notices = file.read_text().splitlines()[::2], [json.loads(x) for x in file.read_text().splitlines()[1::2]]
    assert [n["kind"] for n in notices] == ["firing", "resolved"]
    assert heads == [f"{n['kind']} {n['id']}" for n in notices]
    assert len({n["id"] for n in (*notices, first, last)}) == 4  # one for each receiver


# ---- the end ----

@pytest.mark.timeout(120)
def test_what_ends_supd_is_told_before_it_ends(sup, server):
    """The notice that is on its way when supd ends arrives, and is written down as delivered."""
    def slow(server, conn, told):
        threading.Event().wait(0.4)  # the time of a receiver far away
        ok(server, conn, told)

    w = server(hook=[slow, ok])
    s = sup(HEAD + hook(w, "hook") + "[program:w]\ncommand=/bin/false\nautostart=false\nstartretries=0\non_fatal=exit\n"
            "[alert:w]\ntype=program\nprogram=w\nfor=0s\nkeep_firing=0s\n", net=False)
    s.wait(lambda: " OK " in s.ctl("alerts").stdout, 20)
    s.ctl("start", "w")
    assert s.wait_exit() == 1
    assert w.story("hook") == ["firing"], s.log_text()
    s.start()
    s.wait_ready()
    story(w, "hook", ["firing", "resolved"])
    assert len(w.at("hook")) == 2, w.told  # none of them twice
