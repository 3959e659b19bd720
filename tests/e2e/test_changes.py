"""A changed configuration on a running supd: nothing asked for is lost, and what does not want to
stop holds up nothing else."""
import signal

from harness.beacon import conf, program, record, starts, wait_record
from harness.waiting import wait
from harness.wire import record as wire_record

# so many that reading them takes a while
MANY = "".join(program(f"x{i}", autostart="false", stdin="null") for i in range(4000))


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return f.read().split()


def up(s, *names):
    for name in names:
        s.wait_state(name, "RUNNING")


def test_hup_during_a_load(sup):
    s = sup(conf(program("a")))
    up(s, "a")
    idle = len(children(s.pid))
    s.write("supd.conf", conf(program("a"), MANY))
    s.send(signal.SIGHUP)
    wait(lambda: len(children(s.pid)) > idle, 10, "the load child", every=0.001)
    s.write("supd.conf.new", conf(program("a"), program("b")))
    s.run("mv", s.path("supd.conf.new"), s.path("supd.conf"))
    s.send(signal.SIGHUP)
    s.wait_state("b", "RUNNING")
    s.wait(lambda: set(s.status()) == {"a", "b"})


def test_hup_while_a_change_is_on_its_way(sup):
    s = sup(conf(program("a", "slow=4000"), program("k")))
    up(s, "a", "k")
    s.write("supd.conf", conf(program("k"), program("c")))
    s.send(signal.SIGHUP)
    told = wait_record(s, "a", "SIGTERM")[0]
    s.write("supd.conf", conf(program("k"), program("b")))
    s.send(signal.SIGHUP)
    assert wait_record(s, "b", "start")[0].ms - told.ms < 4000  # does not wait for a
    s.wait(lambda: set(s.status()) == {"b", "k"})
    assert len(starts(s, "k")) == 1


def test_what_is_taken_back_starts_again(sup):
    whole = conf(program("a", "slow=1500"), program("b", "slow=1500"))
    s = sup(whole)
    up(s, "a", "b")
    wait_record(s, "a", "start")
    wait_record(s, "b", "start")
    s.write("supd.conf", conf(program("a", "slow=1500", stopsignal="TERM", umask="077")))
    s.send(signal.SIGHUP)
    wait_record(s, "a", "SIGTERM")
    wait_record(s, "b", "SIGTERM")
    s.write("supd.conf", whole)
    s.send(signal.SIGHUP)
    wait_record(s, "a", "start", 2)
    wait_record(s, "b", "start", 2)
    up(s, "a", "b")
    assert s.ok("reread").strip() in ("", "no changes", "No config updates to processes")


def test_a_change_says_that_it_is_one(sup):
    old = program("a", "slow=1500", startsecs=0) + program("gone", "slow=1500", startsecs=0)
    s = sup(conf(old))
    wait_record(s, "a", "start")
    wait_record(s, "gone", "start")
    s.write("supd.conf", conf(program("a", "slow=1500 exit=1", startsecs=0), program("new", startsecs=1)))
    with s.wire() as events:
        events.request("subscribe")
        s.ask("update", "wait=0")
        seen = {}
        while len(seen) < 4:
            e = wire_record(events.line().partition(" event ")[2])
            if e["type"] == "state" and e["to"] in ("STARTING", "STOPPING"):
                seen[e["name"], e["to"]] = e["why"]
                if e["to"] == "STOPPING":
                    assert "told to stop by an update of the configuration" in s.ok("explain", e["name"])
    assert set(seen.values()) == {"by update"} and set(n for n, _ in seen) == {"a", "gone", "new"}, seen
    s.ok("stop", "new")
    with s.wire() as events:
        events.request("subscribe")
        s.ok("start", "new")
        assert wire_record(events.line().partition(" event ")[2])["why"] == "by hand"


def test_update_beside_one_that_waits(sup):
    s = sup(conf(program("a", "slow=4000")))
    up(s, "a")
    wait_record(s, "a", "start")
    s.write("supd.conf", conf(program("b")))
    s.send(signal.SIGHUP)
    wait_record(s, "a", "SIGTERM")
    s.write("supd.conf", conf(program("b"), program("c")))
    assert "c: added" in s.ok("update", "c")
    assert record(s, "a", "end")  # all of it came to rest together
    up(s, "b", "c")


def test_another_kind_of_group(sup):
    s = sup(conf(program("a")))
    up(s, "a")
    s.write("supd.conf", conf(program("a")).replace("[program:a]", "[eventlistener:a]\nevents=EVENT"))
    assert s.ok("update").strip() == "a: updated process group"
    wait_record(s, "a", "start", 2)
    assert "changed" not in s.ok("reread")
    s.write("supd.conf", conf(program("a")).replace("[program:a]", "[eventlistener:a]\nevents=TICK_5"))
    assert s.ok("reread").strip() == "a: changed"
    assert s.ok("update").strip() == "a: updated process group"
    wait_record(s, "a", "start", 3)
    assert "changed" not in s.ok("reread")


def test_a_program_in_the_middle_of_a_group(sup):
    s = sup(conf(program("a"), program("c"), "[group:g]\nprograms=a,c\n"))
    up(s, "g:a", "g:c")
    s.write("supd.conf", conf(program("a"), program("b"), program("c"), "[group:g]\nprograms=a,b,c\n"))
    assert s.ok("update").strip() == "g: updated process group"
    up(s, "g:b")
    assert "changed" not in s.ok("reread")
    s.write("supd.conf", conf(program("c", priority=1), program("a"), program("b"),
                              "[group:g]\nprograms=a,b,c\n"))
    s.ok("update")
    assert "changed" not in s.ok("reread")
    assert [len(starts(s, n)) for n in "abc"] == [1, 1, 1]


def test_a_new_priority_counts_at_the_shutdown(sup):
    s = sup(conf(program("a", "slow=300", priority=1), program("b", "slow=300", priority=2)))
    wait_record(s, "a", "start")
    wait_record(s, "b", "start")
    s.write("supd.conf", conf(program("a", "slow=300", priority=5),
                              program("b", "slow=300", priority=2)))
    s.ok("update")
    s.stop()
    assert record(s, "a", "end")[0].ms <= record(s, "b", "SIGTERM")[0].ms


def test_term_during_a_reload(sup):
    s = sup(conf(program("a")))
    up(s, "a")
    idle = len(children(s.pid))
    s.write("supd.conf", conf(program("b"), MANY))
    s.send(signal.SIGHUP)
    wait(lambda: len(children(s.pid)) > idle, 10, "the load child", every=0.001)
    assert s.stop() == 0
    assert not starts(s, "b")


def test_children_on_their_way_keep_their_words(sup):
    """Until its exec a child reads its words from the generation that it was started from."""
    loops = [program(f"p{i}", command="/bin/true a b c", directory="/tmp", stdin="null", startsecs=0,
                     autorestart="true") for i in range(60)]
    s = sup(conf(*loops))
    for i in range(40):
        s.write("supd.conf.new", conf(*loops, program(f"z{i}")))
        s.run("mv", s.path("supd.conf.new"), s.path("supd.conf"))
        s.send(signal.SIGHUP)
        s.wait(lambda n=f"z{i}": n in s.status())
    log = s.log_text()
    assert "spawnerr" not in log, [line for line in log.splitlines() if "spawnerr" in line][:5]
    # a short life is told in its order
    first = [line for line in log.splitlines() if " p7 " in line][:2]
    assert "success: p7 entered RUNNING" in first[0] and "exited: p7" in first[1]
