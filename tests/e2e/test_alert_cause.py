"""Alerts behind their cause, with real probes: when a child fails its parent is probed at once, and
only the one at the root is told of, through what lies between."""
import time

import pytest

from harness.receiver import Server

PROBE = """[probe:{name}]
type=http
url={url}/p/{name}
interval={interval}
timeout=1s
fall={fall}
rise=1
confirm=100ms
start_period=0s
{more}
[alert:{name}]
type=probe
probe={name}
for=0s
keep_firing=0s
nodata_after=0s
"""
FAR = 24  # seconds between two probes of a cause by itself
NAMES = ("db", "api", "web")


class Asked(dict):
    """What is well; and when each was asked for."""

    def __init__(self, *names):
        super().__init__({n: True for n in names})
        self.at = {n: [] for n in names}

    def get(self, name, default=None):
        if name in self.at:
            self.at[name].append(time.monotonic())
        return super().get(name, default)


@pytest.fixture
def server():
    one = Server()
    yield one
    one.stop()


def conf(server):
    def probe(name, more="", interval="1s", fall=2):
        return PROBE.format(name=name, url=server.url, more=more, interval=interval, fall=fall)
    server.well = Asked(*NAMES)
    return ("[supd]\n[agent]\nstate_dir=%(here)s/agent\n[supervisord]\n"
            f"[notify:hook]\ntype=webhook\nurl={server.url}/hook\nrate=6000\nburst=1000\n" +
            probe("db", "", f"{FAR}s") + probe("api", "parent=db", f"{FAR}s") + probe("web", "parent=api"))


@pytest.mark.timeout(200)
def test_the_cause_is_probed_at_once_and_told_alone(sup, server):
    """The cause of web is two steps away, and nobody has looked at the step between, either."""
    s = sup(conf(server), net=False)
    s.wait(lambda: all(f"probe {n}: WAITING -> OK" in s.log_text() for n in NAMES), 40)
    s.wait(lambda: time.monotonic() - server.well.at["db"][-1] < 2, 2 * FAR)  # the next one is far away
    asked = {n: len(server.well.at[n]) for n in NAMES}
    down = time.monotonic()
    for name in NAMES:
        server.well[name] = False
    s.wait(lambda: server.story("hook") == ["firing"], 30, lambda: f"{server.told}\n{s.log_text()}")
    assert server.at("hook")[0].notice["alert"] == "db"
    for name in ("db", "api"):  # long before their time
        assert server.well.at[name][asked[name]] - down < FAR / 2, server.well.at
    s.wait_log(r"alert web: PENDING -> FIRING", 20)
    s.wait(lambda: "nothing is told: db explains it" in s.ok("explain", "web"))
    for name in NAMES:
        server.well[name] = True
    s.wait_log(r"probe web: FAILED -> OK", 20)
    for name in ("db", "api"):
        s.ok("probe", "run", name)  # whose own time is far away
    s.wait(lambda: server.story("hook", "db") == ["firing", "resolved"], 2 * FAR)
    s.wait_log(r"alert web: RECOVERING -> OK", 2 * FAR)
    assert {t.notice["alert"] for t in server.at("hook")} == {"db"}
