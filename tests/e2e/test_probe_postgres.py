"""type=postgres against a real PostgreSQL server, when one is installed."""
import os
import socket
import subprocess
import threading

import pytest

from harness.pki import Pki
from harness.postgres import Postgres, bin_dir, free_port
from harness.probing import probe_once
from harness.stall import stalled
from harness.waiting import wait

pytestmark = pytest.mark.skipif(not bin_dir(), reason="no PostgreSQL server is installed (postgresql)")
SECRET = "pass word"


@pytest.fixture(scope="module")
def pg(open_dir):
    folder = open_dir()
    pki = Pki(folder / "pki")
    pki.issue("ca", ca=True, end=1000)
    pki.issue("server", "ca", end=20)
    one = Postgres(folder / "server", ["max_connections=6", "superuser_reserved_connections=0"])
    for name in ("server.pem", "server.key"):
        target = os.path.join(one.data, name)
        with open(pki.path(name), encoding="utf-8") as source, open(target, "w", encoding="utf-8") as f:
            f.write(source.read())
        os.chmod(target, 0o600)
        os.chown(target, os.stat(one.data).st_uid, os.stat(one.data).st_gid)
    one.sql("ALTER SYSTEM SET ssl_cert_file='server.pem'")
    one.sql("ALTER SYSTEM SET ssl_key_file='server.key'")
    one.sql("ALTER SYSTEM SET ssl=on")
    one.sql("SELECT pg_reload_conf()")
    one.sql("CREATE ROLE watch LOGIN PASSWORD 'pass word'; GRANT pg_monitor TO watch")
    one.ca = pki.path("ca.pem")
    yield one
    one.stop()


def options(pg, **more):
    return {"type": "postgres", "host": "127.0.0.1", "port": pg.port, "user": "watch", "dbname": "postgres",
            "password": SECRET, "timeout": "5s", **more}


def ask(tmp_path, pg, runs=1, prefix=(), **more):
    got = probe_once(tmp_path, {"db": options(pg, **more)}, runs=runs, prefix=prefix)
    assert all(SECRET not in str(v) for v in got)
    return got[-1] if runs == 1 else got


def test_select_1(tmp_path, pg):
    v = ask(tmp_path, pg)
    assert (v["status"], v["value"], v["detail"]) == ("ok", 1.0, "the value is 1")
    assert v["cert"]["seen"] and v["cert"]["issuer"] == "CN=ca, O=Tests"  # prefer: it has TLS


def test_over_the_unix_socket_by_name_and_with_a_password_file(tmp_path, pg):
    assert ask(tmp_path, pg, host=pg.dir)["status"] == "ok"
    assert ask(tmp_path, pg, host="localhost")["status"] == "ok"
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    section = {**options(pg), "password_file": secret}
    del section["password"]
    assert probe_once(tmp_path, {"db": section})[0]["status"] == "ok"


def test_its_sessions_can_change_nothing_and_say_who_they_are(tmp_path, pg):
    v = ask(tmp_path, pg, user="boss", query="CREATE TABLE x(i int)")
    assert (v["status"], v["reason"], v["sub"]) == ("fail", "sql", "25006")
    assert "cannot execute CREATE TABLE in a read-only transaction" in v["detail"]
    v = ask(tmp_path, pg, query="select 1 from pg_stat_activity where application_name='supd'", expect="= 1")
    assert v["status"] == "ok"
    v = ask(tmp_path, pg, pooler="true", query="show default_transaction_read_only", expect="= off")
    assert v["status"] == "ok"


@pytest.mark.parametrize("query,expect,status,detail", [
    ("select 89.5", "<= 90", "ok", "the value is 89.5"),
    ("select 90.5", "<= 90", "fail", "the value is 90.5, expected <= 90"),
    ("select 3", "> 3", "fail", "the value is 3, expected > 3"),
    ("select 3", "!= 3", "fail", "the value is 3, expected != 3"),
    ("select 'ready'", "= ready", "ok", "the value is ready"),
    ("select 'dirty'", "= ready", "fail", "the value is dirty, expected = ready"),
    ("select 'many'", "< 3", "fail", "the value 'many' is no number, expected < 3"),
    ("select null", "< 3", "fail", "the query gave NULL, expected < 3"),
    ("select 1 where false", "< 3", "fail", "the query gave no row, expected < 3"),
    ("select 1; select 2", "= 2", "ok", "the value is 2"),
])
def test_what_is_expected(tmp_path, pg, query, expect, status, detail):
    v = ask(tmp_path, pg, query=query, expect=expect)
    assert (v["status"], v["detail"]) == (status, detail)
    assert v["sub"] == ("" if status == "ok" else "expect")


def test_the_servers_own_words(tmp_path, pg):
    v = ask(tmp_path, pg, query="select nonsense")
    assert v["reason"] == "sql" and v["sub"] == "42703" and 'column "nonsense" does not exist' in v["detail"]
    v = ask(tmp_path, pg, query="copy (select 1) to stdout")
    assert v["reason"] == "sql" and "copies data" in v["detail"]
    v = ask(tmp_path, pg, password="wrong one")
    assert v["reason"] == "sql" and 'password authentication failed for user "watch"' in v["detail"]
    assert "wrong one" not in str(v)
    v = ask(tmp_path, pg, dbname="nowhere")
    assert v["reason"] == "sql" and 'database "nowhere" does not exist' in v["detail"]
    v = ask(tmp_path, pg, query=f"select '{SECRET}'")
    assert v["detail"] == "the value is ***"


def test_a_slow_query_ends_in_time_and_the_server_ends_it_too(tmp_path, pg):
    v = ask(tmp_path, pg, timeout="0.5s", query="select pg_sleep(30)")
    assert v["status"] == "fail" and v["total_ns"] < 3e9
    # either of us may be first: our timer, or the server's statement_timeout
    assert v["reason"] == "read_timeout" or v["sub"] == "57014"
    wait(lambda: pg.sql("select count(*) from pg_stat_activity where query like '%pg_sleep(30)%' "
                        "and state='active' and pid<>pg_backend_pid()") == "0", 5)


def test_nobody_listens_and_nobody_answers(tmp_path, pg):
    v = ask(tmp_path, pg, port=free_port())
    assert v["reason"] == "connect_refused" and "Connection refused" in v["detail"]
    v = ask(tmp_path, pg, host=str(tmp_path))
    assert v["reason"] == "connect_refused" and "No such file" in v["detail"]
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        v = ask(tmp_path, pg, port=deaf.getsockname()[1], timeout="0.3s")
    assert v["reason"] in ("read_timeout", "tls_handshake") and "in time" in v["detail"]


def test_tls(tmp_path, pg):
    v = ask(tmp_path, pg, sslmode="verify-full", ca=pg.ca, host="localhost")
    assert v["status"] == "ok" and v["cert"]["subject"] == "CN=server, O=Tests"
    v = ask(tmp_path, pg, sslmode="verify-full", host="localhost")
    assert (v["status"], v["reason"]) == ("fail", "tls_verify") and "certificate verify failed" in v["detail"]
    assert not ask(tmp_path, pg, sslmode="disable")["cert"]["seen"]


def test_authorities_that_cannot_be_read_are_no_failure_of_the_server(tmp_path, pg):
    for ca, text in (("/nowhere/ca.pem", "cannot open /nowhere/ca.pem: No such file or directory"),
                     ("/proc/self/comm", 'could not read root certificate file "/proc/self/comm"')):
        v = ask(tmp_path, pg, sslmode="verify-ca", ca=ca)
        assert (v["status"], v["reason"]) == ("unknown", "internal") and text in v["detail"]


def test_the_connection_is_kept_and_sometimes_fresh(tmp_path, pg):
    got = ask(tmp_path, pg, runs=9, fresh_every=4, query="select pg_backend_pid()")
    pids = [v["value"] for v in got]
    # runs 1-3 share one, run 4 makes a new one that stays until run 8
    assert [pids.index(p) for p in pids] == [0, 0, 0, 3, 3, 3, 3, 7, 7]
    pids = [v["value"] for v in ask(tmp_path, pg, runs=3, fresh_every=1, query="select pg_backend_pid()")]
    assert len(set(pids)) == 3


def test_a_kept_connection_that_was_ended_is_made_again(tmp_path, pg):
    # the first attempt's session is ended by the second probe's query, over and over
    section = options(pg, fresh_every=0, user="boss", host=pg.dir,
                      query="select pg_terminate_backend(pg_backend_pid())")
    got = probe_once(tmp_path, {"db": section}, runs=2)
    assert [v["reason"] for v in got] == ["sql", "sql"] and "terminating connection" in got[0]["detail"]
    section["query"] = ("select pg_terminate_backend(pid) from pg_stat_activity where application_name='supd' "
                        "and pid<>pg_backend_pid() union all select true limit 1")
    assert [v["status"] for v in probe_once(tmp_path, {"db": section}, runs=3)] == ["ok"] * 3


# ends the connection of a probe that has come to its second query; in the server, which is there in time
END_ONE = """do $$ declare seen timestamptz; one record; begin
for i in 1..3000 loop
  perform pg_stat_clear_snapshot();
  for one in select pid, query_start from pg_stat_activity where application_name='supd' loop
    if one.query_start > seen then perform pg_terminate_backend(one.pid); return; end if;
    seen := coalesce(seen, one.query_start);
  end loop;
  perform pg_sleep(0.01);
end loop;
raise exception 'nobody came'; end $$"""


def test_a_kept_connection_that_the_server_ends_costs_nothing(tmp_path, pg):
    """As after a restart of the server, or a firewall's timeout: the attempt itself makes a new one."""
    section = options(pg, fresh_every=0, query="select pg_backend_pid() from pg_sleep(0.1)")
    ended = []
    thread = threading.Thread(target=lambda: ended.append(pg.sql(END_ONE)))
    thread.start()
    wait(lambda: pg.sql("select count(*) from pg_stat_activity where query like 'do $$%'") == "1", 20)
    got = probe_once(tmp_path, {"db": section}, runs=15)
    thread.join(30)
    assert ended == [""]
    assert [v["status"] for v in got] == ["ok"] * 15
    assert len({v["value"] for v in got}) == 2


def test_too_many_clients(tmp_path, pg):
    """Only a fresh connection finds it; and as long as it lasts, every attempt is one."""
    holders = []
    command = [os.path.join(bin_dir(), "psql"), "-h", pg.dir, "-p", str(pg.port), "-U", "boss", "-d", "postgres",
               "-AtqX"]
    try:
        while len(holders) < 6:
            holders.append(wait(lambda: holder(command), 20))
        v = ask(tmp_path, pg)
        assert (v["status"], v["reason"]) == ("fail", "sql")
        assert "sorry, too many clients already" in v["detail"]
        # one place for the kept connection: it is held, and fresh ones find the house full
        holders[0].communicate("\\q\n", timeout=10)
        wait(lambda: probe_once(tmp_path, {"db": options(pg)})[0]["status"] == "ok", 10)
        got = wait(lambda: full_house(tmp_path, pg), 10)
        assert got == ["ok", "ok", "fail", "fail", "fail", "fail"]
    finally:
        for one in holders:
            one.kill()
            one.communicate(timeout=10)


def holder(command):
    """A session; None while the server has no place for it, since one that ended is not quite gone."""
    one = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        one.stdin.write("select 1;\n")
        one.stdin.flush()
    except BrokenPipeError:
        pass
    if one.stdout.readline() == "1\n":
        return one
    one.kill()
    one.wait(10)
    one.stdout.close()
    return None


def full_house(tmp_path, pg):
    got = [v["status"] for v in ask(tmp_path, pg, runs=6, fresh_every=3)]
    return got if got[0] == "ok" else None


def test_a_server_that_goes_away_and_comes_back(tmp_path, pg):
    pg.stop()
    try:
        assert ask(tmp_path, pg)["reason"] == "connect_refused"
    finally:
        pg.start()
    assert ask(tmp_path, pg)["status"] == "ok"


def test_a_server_that_talks_nonsense(tmp_path, pg):
    with socket.create_server(("127.0.0.1", 0)) as liar:
        def talk():
            peer, _ = liar.accept()
            peer.recv(100)
            peer.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
            peer.close()
        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        v = ask(tmp_path, pg, port=liar.getsockname()[1])
        thread.join(10)
    assert v["status"] == "fail" and v["reason"] in ("sql", "tls_handshake")


def test_a_disk_with_authorities_that_does_not_answer(pg, tmp_path):
    """The library would open the file in the loop: the attempt ends at its timeout all the same."""
    with stalled(pg.ca, limit=8):
        v = ask(tmp_path, pg, sslmode="verify-full", ca=pg.ca, host="localhost", timeout="1s")
    assert (v["status"], v["reason"]) == ("unknown", "internal") and "does not answer" in v["detail"], v
    v = ask(tmp_path, pg, sslmode="verify-full", ca="/nowhere/ca.pem", host="localhost")
    assert v["reason"] == "internal" and "/nowhere/ca.pem" in v["detail"], v


# runs a command and writes down the KiB of memory that it took at most
PEAK = """import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as f:
    f.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)"""


def test_rows_without_end(tmp_path, pg, monkeypatch):
    """Half a gigabyte of answer: the first row counts, and the rest is not kept."""
    sanitizer = os.environ.get("ASAN_OPTIONS")  # which keeps what was freed
    monkeypatch.setenv("ASAN_OPTIONS", (sanitizer + ":" if sanitizer else "") + "quarantine_size_mb=8")
    peak = tmp_path / "peak"
    prefix = ["/usr/bin/python3", "-c", PEAK, str(peak)]
    v = ask(tmp_path, pg, prefix=prefix, query="select i, repeat('x', 20000) from generate_series(1, 25000) i",
            timeout="40s", interval="60s")
    assert v["status"] == "ok" and v["value"] == 1
    assert int(peak.read_text()) < 300000
    v = ask(tmp_path, pg, prefix=prefix, query="select i, repeat('x', 60000) from generate_series(1, 9000) i; "
            "select 7 where false; select 5 union all select 6", timeout="40s", interval="60s")
    assert v["status"] == "ok" and v["value"] == 5
    assert int(peak.read_text()) < 300000
    v = ask(tmp_path, pg, query="select 5; select 7 where false", expect="= 5")
    assert v["detail"] == "the query gave no row, expected = 5"
    v = ask(tmp_path, pg, query="select 1/(3-i) from generate_series(1, 5) i", runs=2)[1]
    assert (v["reason"], v["sub"]) == ("sql", "22012")


def test_its_certificate_by_starttls(tmp_path, pg):
    """As type=cert sees it: with its chain and its stage, without a role or a password."""
    section = {"type": "cert", "address": f"localhost:{pg.port}", "starttls": "postgres", "ca": pg.ca}
    v = probe_once(tmp_path, {"c": section})[0]
    assert (v["status"], v["cert"]["subject"], v["cert"]["stage"]) == ("ok", "CN=server, O=Tests", 0)
    v = probe_once(tmp_path, {"c": {**section, "ca": "/etc/ssl/certs/ca-certificates.crt"}})[0]
    assert (v["sub"], v["cert"]["subject"]) == ("unknown_issuer", "CN=server, O=Tests"), v
    v = probe_once(tmp_path, {"c": {**section, "starttls": "none"}})[0]
    assert v["reason"] in ("tls_handshake", "closed"), v  # it waits for its own protocol
