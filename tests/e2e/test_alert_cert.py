"""Certificates near their end, expired, and renewed, with and without a reload: what is told of each,
once, with what text, and what ends it. The servers are Debian's nginx, the agent is supd's own."""
import datetime
import json
import os
import re
import shutil
import subprocess
import time

import pytest

from harness.nginxwatch import Watched, clock, date, seconds
from harness.pki import Pki

pytestmark = pytest.mark.skipif(not os.path.exists("/usr/sbin/nginx"), reason="nginx is not installed")
SLACK = 8  # seconds: the machine may have other things to do
DAY = 86400
AT = "127.0.0.1:8443"

SERVER = """
    server {
        listen 127.0.0.1:8443 ssl;
        server_name %(name)s.test;
        ssl_certificate {here}/live/%(name)s.pem;
        ssl_certificate_key {here}/live/%(name)s.key;
    }
"""

PROBE = """
[probe:%(name)s]
type=cert
address=127.0.0.1:8443
server_name=%(name)s.test
ca={here}/root.pem
check_served_file={here}/live/%(name)s.pem
interval=1s
confirm=200ms
timeout=1s
fall=2
rise=1
start_period=0

[alert:expiry-%(name)s]
type=cert
probe=%(name)s
runbook=https://runbooks.example/certificate

[alert:wrong-%(name)s]
type=probe
probe=%(name)s
for=0
keep_firing=0
"""


# a probe of another kind sees the certificate, too: that of nginx's first server
WEB = """
[probe:web]
type=http
url=https://127.0.0.1:8443/
tls_ca={here}/root.pem
interval=1s
timeout=1s
start_period=0

[alert:expiry-web]
type=cert
probe=web
runbook=https://runbooks.example/certificate
"""


class Site:
    """A folder of certificates from an authority of its own, made before anything starts."""

    def __init__(self, folder):
        self.dir = str(folder)
        self.pki = Pki(folder / "pki")
        self.pki.issue("root", ca=True, end=3000)
        self.pki.issue("middle", "root", ca=True, end=2000)
        shutil.copy(self.pki.path("root.pem"), folder / "root.pem")
        os.mkdir(folder / "live")
        os.chmod(folder / "root.pem", 0o644)

    def issue(self, name, start, end):
        """live/NAME.pem (with its chain) and .key, valid for those days from now on; its end."""
        self.pki.now = datetime.datetime.now(datetime.timezone.utc)
        self.pki.issue(name, "middle", names=f"DNS:{name}.test", start=start, end=end)
        self.install(name)
        return int(self.pki.now.timestamp()) + round(end * DAY)

    def install(self, name):
        for source, to in ((f"{name}-chain.pem", f"{name}.pem"), (f"{name}.key", f"{name}.key")):
            with open(self.pki.path(source), encoding="utf-8") as f:
                text = f.read()
            path = os.path.join(self.dir, "live", to)
            with open(path + ".new", "w", encoding="utf-8") as f:
                f.write(text)
            os.chmod(path + ".new", 0o644)
            os.rename(path + ".new", path)  # as ACME clients do it


@pytest.fixture
def site(open_dir):
    return Site(open_dir())


@pytest.fixture
def watched(sup, site):
    def start(*names, conf=None, http=None, more=""):
        return Watched(sup, site.dir, "".join(SERVER % {"name": n} for n in names) if http is None else http,
                       ("".join(PROBE % {"name": n} for n in names) if conf is None else conf) + more)
    return start


def reload_nginx(w):
    w.s.ok("signal", "HUP", "nginx")


def cut(text):
    """A summary has 120 characters."""
    return text if len(text) <= 120 else text[:119] + "…"


def summary(notice, before, what):
    """Asserts the whole of it, but for the time that stands between the two; that time."""
    begin = f"{notice['alert']}: {before} "
    assert notice["summary"].startswith(begin), notice["summary"]
    span = re.match(r"[\w.]+", notice["summary"][len(begin):]).group(0)
    assert notice["summary"] == cut(f"{begin}{span}{what}"), notice["summary"]
    return span


def expires(notice, name, end, at="at " + AT):
    """Asserts the summary of a notice about a certificate that is not over; what is left."""
    return summary(notice, f"the certificate {name} expires in", f", on {date(end)}, {at}")


def replaced(notice, name, end, at="at " + AT):
    return summary(notice, "over after", f": the certificate {name} was replaced by one until {date(end)}, {at}")


def test_expired_renewed_on_disk_and_loaded(watched, site):
    old_end, near_end = site.issue("old", -93, -3), site.issue("near", -80, 10)
    w = watched("old", "near", more=WEB)
    # as it is found: one over, one in the second of three stages (14 days, less one of grace)
    fired = w.wait_notice("expiry-old", "firing", 20 + SLACK)
    assert summary(fired, "the certificate old expired", f" ago, on {date(old_end)}, at {AT}") == "3d"
    assert fired["severity"] == "page" and fired["labels"]["certificate"] == "old"
    wrong = w.wait_notice("wrong-old", "firing", SLACK)
    assert wrong["reason"] == (f"the probe old has failed since {clock(wrong['starts'])}: {AT}: the certificate old "
                               f"expired 3 days ago, on {date(old_end)} (issuer middle): renew it")
    assert wrong["summary"] == cut("wrong-old: " + wrong["reason"])
    web = w.wait_notice("expiry-web", "firing", SLACK)
    assert summary(web, "the certificate old expired", f" ago, on {date(old_end)}, seen by the probe web") == "3d"
    assert web["labels"] == fired["labels"] and web["key"] != fired["key"]
    near = w.wait_notice("expiry-near", "firing", SLACK)
    assert expires(near, "near", near_end) in ("9d23h", "10d")
    assert near["severity"] == "warning" and w.hook("wrong-near") == []

    # renewed on disk, but the server was not told
    began = time.time()
    new_end = site.issue("near", -0.5, 90)
    wrong = w.wait_notice("wrong-near", "firing", 3 + 2 * SLACK)
    assert -1 <= seconds(wrong["starts"]) - began <= 1 + 2 * 1.2 + SLACK
    assert wrong["reason"] == (f"the probe near has failed since {clock(wrong['starts'])}: {AT} has not loaded the "
                               f"renewed {site.dir}/live/near.pem: reload the server (it presents the one until "
                               f"{date(near_end)}, the file's lasts until {date(new_end)}); {AT}: near ends in 9 days, "
                               f"on {date(near_end)} (issuer middle): renew it")
    assert wrong["summary"] == cut("wrong-near: " + wrong["reason"])
    w.wait_attempts("near")
    assert [n["kind"] for n in w.hook("expiry-near")] == ["firing"]  # it is still the one that is served

    # loaded: both end
    reload_nginx(w)
    over = w.wait_notice("expiry-near", "resolved", 3 + 2 * SLACK)
    replaced(over, "near", new_end)
    assert over["key"] == near["key"] and over["labels"] == near["labels"]
    well = w.wait_notice("wrong-near", "resolved", SLACK)
    summary(well, "over after", f": the probe near has been well since {clock(well['ends'])}")

    # the expired one: renewed and loaded at once
    old_end = site.issue("old", -0.5, 90)
    reload_nginx(w)
    replaced(w.wait_notice("expiry-old", "resolved", 3 + 2 * SLACK), "old", old_end)
    over = w.wait_notice("expiry-web", "resolved", 3 + 2 * SLACK)
    summary(over, "over after",
            f": the certificate old was replaced by one until {date(old_end)}, seen by the probe web")
    w.wait_notice("wrong-old", "resolved", SLACK)
    w.wait_attempts("old")
    w.wait_attempts("near")
    w.wait_attempts("web")
    for alert in ("expiry-old", "wrong-old", "expiry-near", "wrong-near", "expiry-web"):
        told = w.told(alert)
        assert [kind for kind, _ in told["hook"]] == ["firing", "resolved"], told
        assert told["hook"] == told["command"] == told["log"], told
    w.s.expect_log("alert expiry-(old|web): firing")


@pytest.mark.timeout(120)
def test_a_life_through_all_stages(watched, site):
    """120 seconds of life: stages begin at a third, a sixth, a twelfth of it, half of that as grace."""
    end = site.issue("short", -90 / DAY, 30 / DAY)
    w = watched("short")
    stages = [("firing", "info", 20), ("update", "warning", 10), ("update", "critical", 5), ("update", "page", -1)]
    w.wait_notices("expiry-short", "update", 3, 40 + SLACK)
    new_end = site.issue("short", -0.5, 90)
    reload_nginx(w)
    over = w.wait_notice("expiry-short", "resolved", 3 + 2 * SLACK)
    w.wait_attempts("short")
    told = w.hook("expiry-short")
    assert [(n["kind"], n["severity"]) for n in told] == [s[:2] for s in stages] + [("resolved", "page")]
    for notice, (_, _, before) in zip(told, stages):
        assert -0.1 <= seconds(notice["at"]) - (end - before) <= 1 + SLACK
        if before > 0:
            left = expires(notice, "short", end)
            assert left[-1] == "s" and before - 1 - SLACK <= float(left[:-1]) <= before
        else:
            summary(notice, "the certificate short expired", f" ago, on {date(end)}, at {AT}")
    replaced(over, "short", new_end)
    assert len({n["key"] for n in told}) == 1 and len({n["id"] for n in told}) == 5
    assert w.told("expiry-short")["hook"] == w.told("expiry-short")["command"]
    w.s.expect_log("alert expiry-short: ")


FAULTS = """
    server {
        listen 127.0.0.1:8443 ssl;
        server_name %(name)s.test;
        ssl_certificate {here}/live/%(name)s.pem;
        ssl_certificate_key {here}/live/%(name)s.key;
        ssl_ciphers ALL:@SECLEVEL=0;
    }
"""
LOOK = """
[probe:%(name)s]
type=cert
address=127.0.0.1:8443
server_name=%(name)s.test
ca={here}/root.pem
interval=2s
confirm=200ms
timeout=2s
start_period=0

[alert:%(name)s]
type=probe
probe=%(name)s
for=0
"""
WORDS = {
    "expired": ("expired", "the certificate expired expired 3 days ago, on {end} (issuer middle): renew it"),
    "early": ("not_yet_valid", "the certificate early is not valid before {start}, in 47 hours: check the clocks of "
                               "this host and of its issuer middle"),
    "elsewhere": ("hostname_mismatch", "the certificate is for a.example, not for elsewhere.test"),
    "alone": ("self_signed", "the certificate alone is signed by itself and by no authority: clients refuse it"),
    "foreign": ("unknown_issuer", "foreign is signed by stranger, which the server does not send and "
                                  "{here}/root.pem does not have"),
    "cut": ("incomplete_chain", "the server does not send the intermediate certificate middle, which signed cut: "
                                "give it the full chain (fullchain.pem)"),
    "small": ("weak_key", "the key of small has 1024 bits, RSA needs 2048: clients refuse it"),
}


def test_each_fault_has_its_name_and_its_date(watched, site):
    """nginx presents them all, each under a name of its own."""
    pki = site.pki
    pki.issue("stranger", ca=True, end=1000)
    issue = {"expired": {"start": -93, "end": -3}, "early": {"start": 1.99, "end": 92}, "small": {"key": "rsa:1024"},
             "elsewhere": {"names": "DNS:a.example"}, "alone": {"by": None}, "foreign": {"by": "stranger"},
             "cut": {"more": "authorityInfoAccess=caIssuers;URI:http://a.example/middle.crt"}}
    for name, how in issue.items():
        pki.issue(name, **{"by": "middle", "names": f"DNS:{name}.test", **how})
        if name in ("foreign", "cut"):
            pki.chain(name, name)
        site.install(name)
    w = watched(conf="", http="".join(FAULTS % {"name": n} for n in issue))
    w.s.wait(lambda: os.path.exists(w.path("nginx.pid")), 30)  # it listens: none of them is told as refused
    w.s.write("supd.conf", w.s.read("supd.conf") + "".join(LOOK % {"name": n} for n in issue).replace("{here}", w.dir))
    w.s.ok("update")
    for name, how in issue.items():
        wrong = w.wait_notice(name, "firing", 30 + SLACK)
        seen = w.probe(name)
        fault, words = WORDS[name]
        assert seen["reason"] == "tls_verify:" + fault, seen
        end = int(pki.now.timestamp()) + how.get("end", 89) * DAY
        assert int(seen["not_after"]) == end  # told although it is refused
        start = int(pki.now.timestamp()) + round(how.get("start", 0) * DAY)
        words = words.format(here=site.dir, end=date(end), start=date(start))
        detail = f"{AT}: {words}"
        assert seen["detail"] == detail or seen["detail"].startswith(detail + "; "), seen["detail"]
        text = f"{name}: the probe {name} has failed since {clock(wrong['starts'])}: {seen['detail']}"
        assert wrong["summary"] == cut(text)


FILES = """
[probe:files]
type=cert
files={here}/live/*.pem
interval=1s
confirm=200ms
timeout=1s
start_period=0

[alert:expiry]
type=cert
probe=files
runbook=https://runbooks.example/certificate
"""


def alerts(w):
    """(certificate, state, severity) as supctl shows them."""
    shown = json.loads(w.s.ctl("alerts", "expiry", "--json").stdout or "[]")
    return sorted((a.get("certificate", "-"), a["state"], a["severity"]) for a in shown)


def wait_alerts(w, want):
    """One that ended is shown until everybody was told of that."""
    w.s.wait(lambda: alerts(w) == want, SLACK, lambda: f"{want}; it is {alerts(w)}")


def shown(w):
    """The alert's series of /metrics: certificate -> 1 if it fires; what promtool says of all of them."""
    page = w.s.run("python3", "-c", "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9180/metrics')"
                   ".read().decode(), end='')").stdout
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
    series = re.findall(r'^supd_alert_firing\{alert="expiry",kind="alert",(.*)\} (\d)$', page, re.M)
    assert len(series) == len(set(labels for labels, _ in series))
    return {(re.findall(r'certificate="(\w+)"', labels) or ["-"])[0]: int(value) for labels, value in series}


def test_of_many_files_none_hides_another(watched, site):
    one_end, two_end = site.issue("one", -80, 4), site.issue("two", -80, 9)
    site.issue("three", -1, 89)
    w = watched(conf=FILES)
    one = w.wait_notice("expiry", "firing", 20 + SLACK, certificate="one")
    two = w.wait_notice("expiry", "firing", SLACK, certificate="two")
    expires(one, "one", one_end, f"in {site.dir}/live/one.pem")
    expires(two, "two", two_end, f"in {site.dir}/live/two.pem")
    assert (one["severity"], two["severity"]) == ("critical", "warning") and one["key"] != two["key"]
    assert alerts(w) == [("one", "FIRING", "critical"), ("two", "FIRING", "warning")]
    assert shown(w) == {"one": 1, "two": 1}
    why = w.s.ok("explain", "alert:expiry")
    assert "the probe files sees 4 certificates\n" in why.replace("  ", " ")
    assert re.search(rf"three, {site.dir}/live/three.pem: until \S+ \S+ UTC, in no stage", why), why
    assert re.search(rf"two, {site.dir}/live/two.pem: until {date(two_end)}, stage 2", why), why
    # one that the agent may not read is neither renewed nor gone; a restarted agent tells nothing anew
    os.chmod(os.path.join(site.dir, "live", "one.pem"), 0o600)
    w.wait_attempts("files")
    w.kill_agent("files")
    w.wait_attempts("files")
    assert {n["id"] for n in w.hook("expiry")} == {one["id"], two["id"]}
    # renewed, and the other one removed
    new_end = site.issue("one", -0.5, 90)
    over = w.wait_notice("expiry", "resolved", 3 + 2 * SLACK, certificate="one")
    replaced(over, "one", new_end, f"in {site.dir}/live/one.pem")
    wait_alerts(w, [("two", "FIRING", "warning")])
    os.unlink(os.path.join(site.dir, "live", "two.pem"))
    over = w.wait_notice("expiry", "resolved", 3 + 2 * SLACK, certificate="two")
    summary(over, "over after", f": the certificate two is not seen any more, in {site.dir}/live/two.pem")
    w.wait_attempts("files")
    told = {n["id"]: (n["kind"], n["labels"]["certificate"]) for n in w.hook("expiry")}  # one may have come twice
    assert sorted(told.values()) == [("firing", "one"), ("firing", "two"), ("resolved", "one"), ("resolved", "two")]
    wait_alerts(w, [("-", "OK", "warning")])
    assert shown(w) == {"-": 0}
    w.s.expect_log("alert expiry: ", "supd-agent")
