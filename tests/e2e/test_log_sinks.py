"""supd-log's sinks: where output goes, and what it looks like there."""
import datetime
import gzip
import json
import os
import re
import socket

from harness.logdrive import files_of
from harness.waiting import wait


def test_file_keeps_bytes_as_they_are(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"))
    d.run("w", r"printf 'a\0b\377\n'; printf 'no newline'; printf ' err' >&2")
    assert d.read("w.log") == b"a\0b\xff\nno newline err"


def test_existing_file_is_appended_to_and_gets_the_umask(drive):
    d = drive(before="umask 027")
    with open(d.path("w.log"), "wb") as f:
        f.write(b"before\n")
    d.add("w", sink=d.path("w.log"))
    d.add("new", sink=d.path("new.log"))
    d.run("w", "echo after")
    d.run("new", "echo x")
    assert d.read("w.log") == b"before\nafter\n"
    assert os.stat(d.path("new.log")).st_mode & 0o777 == 0o640


def test_no_file_before_the_first_byte(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"))
    d.run("w", "true")
    assert not os.path.exists(d.path("w.log"))


def test_auto_file(drive):
    d = drive("childlogdir=/mnt", before="mount -t tmpfs tmpfs /mnt")
    d.add("web_00", sink="auto")
    path = d.file_of("web_00")
    assert re.fullmatch(r"/mnt/web_00-stdout---supervisor-[a-z0-9_]{8}\.log", path)
    inside = f"/proc/{d.ns.init}/root{path}"
    wait(lambda: os.path.exists(inside), 10, "the AUTO file exists before any output")
    assert os.stat(inside).st_mode & 0o777 == 0o600
    assert os.stat(inside).st_size == 0
    d.run("web_00", "echo x")
    with open(inside, "rb") as f:
        assert f.read() == b"x\n"


def test_stale_auto_files_are_deleted_and_others_stay(drive):
    stale = ["web-stdout---supervisor-abcdefgh.log", "web-stdout---supervisor-abcdefgh.log.1",
             "a-stderr---supervisor-x.log.0042", "web-stdout---supervisor-abcdefgh.log.2.gz"]
    kept = ["web-stdout---other-abcdefgh.log", "---supervisor-abcdefgh.log", "web.log",
            "web-stdout---supervisor-abcdefgh.log.12345"]
    before = "".join(f"touch '$TEST_DIR/auto/{n}'\n".replace("'", '"') for n in stale + kept)
    d = drive("childlogdir=auto", before=before)
    d.add("web", sink="auto")
    mine = os.path.basename(d.file_of("web"))
    wait(lambda: set(os.listdir(d.path("auto"))) == set(kept + [mine]), 10,
         lambda: os.listdir(d.path("auto")))


def test_nocleanup(drive):
    d = drive("childlogdir=auto", "nocleanup=1",
              before='touch "$TEST_DIR/auto/web-stdout---supervisor-abcdefgh.log"')
    d.add("web", sink="auto")
    d.run("web", "echo x")
    assert len(os.listdir(d.path("auto"))) == 2


def test_auto_without_a_writable_folder_stays_in_memory(drive):
    d = drive("childlogdir=/proc/nothing")
    d.add("w", sink="auto")
    d.run("w", "echo kept in memory")
    d.wait_file("main.log", [b"stays in memory only"])
    assert d.tail_text("w") == b"kept in memory\n"
    assert d.file_of("w") == ""
    assert d.main_log().count("stays in memory only") == 1


def test_none_is_kept_in_memory_for_tail(drive):
    d = drive()
    d.add("w", sink="none")
    d.run("w", "seq 1 30000")
    text = d.tail_text("w", bytes=1000)
    want = "".join(f"{i}\n" for i in range(1, 30001)).encode()
    assert text == want[-1000:]
    assert len(d.tail_text("w", bytes=10000000)) >= 32768
    assert want.endswith(d.tail_text("w", bytes=10000000))


def test_two_streams_of_one_file_share_it_line_by_line(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"))
    d.add("w", sink=d.path("w.log"), err=1)
    d.run("w", "for i in $(seq 200); do printf 'out-'; echo $i; printf 'err-' >&2; echo $i >&2; done")
    lines = d.read("w.log").decode().splitlines()
    assert [l for l in lines if l.startswith("out-")] == [f"out-{i}" for i in range(1, 201)]
    assert [l for l in lines if l.startswith("err-")] == [f"err-{i}" for i in range(1, 201)]
    assert len(lines) == 400


def test_partial_line_of_a_shared_file_is_flushed_after_a_second(drive):
    d = drive()
    d.add("a", sink=d.path("w.log"))
    d.add("b", sink=d.path("w.log"))
    d.spawn("a", "printf 'no end'; sleep 1000")
    d.wait_file("w.log", b"no end", timeout=5)


def test_rotation(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"), maxbytes=1000, backups=3)
    d.run("w", "for i in $(seq 100); do printf '%049d\\n' $i; sleep 0.001; done")
    wait(lambda: d.counters("w")["rotations"] == 5, 10, lambda: f"five rotations: {d.counters('w')}")
    files = files_of(d.dir, "w.log")
    assert [os.path.basename(f) for f in files] == ["w.log.3", "w.log.2", "w.log.1", "w.log"]
    assert [os.path.getsize(f) for f in files] == [1000, 1000, 1000, 0]
    text = b"".join(open(f, "rb").read() for f in files).decode()
    assert [int(l) for l in text.split()] == list(range(41, 101))


def test_no_backups_means_truncate(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"), maxbytes=100, backups=0)
    d.run("w", "for i in $(seq 25); do echo 123456789; sleep 0.002; done")
    assert files_of(d.dir, "w.log") == [d.path("w.log")]
    assert os.path.getsize(d.path("w.log")) == 50


def test_gzip_of_rotated_files(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"), maxbytes=1000, backups=4, gzip=1)
    d.run("w", "for i in $(seq 70); do printf '%049d\\n' $i; sleep 0.002; done")
    wait(lambda: sorted(f for f in os.listdir(d.dir) if f.startswith("w.log"))
         == ["w.log", "w.log.1.gz", "w.log.2.gz", "w.log.3.gz"], 10, lambda: os.listdir(d.dir))
    text = b"".join(gzip.open(d.path(f"w.log.{i}.gz")).read() for i in (3, 2, 1)) + d.read("w.log")
    assert [int(l) for l in text.split()] == list(range(1, 71))


def test_gzip_switched_off_and_on_again_keeps_all(drive):
    d = drive()
    lines = "for i in $(seq {} {}); do printf '%049d\\n' $i; sleep 0.002; done"
    for k, gz in enumerate((1, 0, 1)):
        (d.update if k else d.add)("w", sink=d.path("w.log"), maxbytes=1000, backups=6, gzip=gz)
        d.run("w", lines.format(1 + 40 * k, 40 + 40 * k))
        names = {f"w.log.{i + 1}" for i in range(2 * (k + 1))}
        plain = set() if gz else {"w.log.1", "w.log.2"}
        want = {"w.log"} | {n if n in plain else n + ".gz" for n in names}
        wait(lambda: {f for f in os.listdir(d.dir) if f.startswith("w.log")} == want, 30,  # noqa: B023
             lambda: os.listdir(d.dir))
    text = b"".join(gzip.open(d.path(f"w.log.{i}.gz")).read() for i in range(6, 0, -1))
    assert [int(l) for l in text.split()] == list(range(1, 121))


def test_dev_stdout_is_never_rotated(drive):
    d = drive()
    d.add("w", sink="/dev/stdout", maxbytes=10, backups=3)
    with d.lock:
        d.lines.clear()
    pid = d.spawn("w", "echo first; echo second line")
    d.wait_exit(pid)
    assert d.expect("first", None) == "first"
    assert d.expect("second", None) == "second line"
    assert d.tail_text("w") == b"first\nsecond line\n"


def test_dev_null_and_dev_fd(drive):
    d = drive(before='exec 5>>"$TEST_DIR/five"')
    d.add("n", sink="/dev/null", maxbytes=10, backups=1)
    d.add("f", sink="/dev/fd/2", maxbytes=10, backups=1)
    d.run("n", "echo gone")
    d.run("f", "echo to fd two")
    assert d.tail_text("n") == b"gone\n"
    d.wait_file("stderr", [b"to fd two\n"])
    assert not os.path.exists("/dev/null.1")


def test_prefix(drive):
    d = drive(env={"TZ": "Europe/Berlin"})
    d.add("web_01", sink=d.path("w.log"), prefix=1)
    d.add("web_01", sink=d.path("w.log"), prefix=1, err=1)
    d.run("web_01", "echo hello; echo oops >&2; printf 'the end'")
    lines = sorted(d.read("w.log").decode().splitlines(), key=lambda l: l[30:])
    assert len(lines) == 3
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0[12]:00"
    assert any(re.fullmatch(time + r" web_01 stdout \| hello", l) for l in lines)
    assert any(re.fullmatch(time + r" web_01 stderr \| oops", l) for l in lines)
    assert any(re.fullmatch(time + r" web_01 stdout \+ the end", l) for l in lines)


def test_json(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"), json=1)
    d.run("w", r"""printf 'a "quoted" \\ \t line\n\377\n\303\244\n'""")
    rows = [json.loads(l) for l in d.read("w.log").decode().splitlines()]
    assert [r["message"] for r in rows] == ['a "quoted" \\ \t line', "�", "ä"]
    assert {(r["program"], r["process"], r["stream"]) for r in rows} == {("w", "w", "stdout")}
    assert all(re.match(r"\d{4}-\d\d-\d\dT", r["time"]) for r in rows)


def test_strip_ansi(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"), strip=1)
    d.run("w", r"printf '\033[1;31mred\033[0m plain\033[2Kx\n'; printf '\033['; sleep 0.1; printf '32mgreen\n'")
    assert d.read("w.log") == b"red plainx\ngreen\n"


def test_monster_line(drive):
    d = drive()
    d.add("raw", sink=d.path("raw.log"))
    d.add("pre", sink=d.path("pre.log"), prefix=1)
    for name in ("raw", "pre"):
        d.run(name, "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo next")
    assert d.read("raw.log") == b"x" * 3000000 + b"\nnext\n"
    lines = d.read("pre.log").decode().splitlines()
    parts = [re.match(r"\S+ pre stdout ([+|]) (.*)", l) for l in lines]
    assert "".join(p[2] for p in parts[:-1]) == "x" * 3000000
    assert {p[1] for p in parts[:-2]} == {"+"} and parts[-1][2] == "next"
    assert max(len(p[2]) for p in parts) == 65536


def test_syslog_line_by_line(drive, tmp_path):
    d = drive(before='mount -t tmpfs tmpfs /dev 2>/dev/null; mknod -m 666 /dev/null c 1 3\n'
                     'ln -s "$TEST_DIR/log.sock" /dev/log')
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(d.path("log.sock"))
    listener.settimeout(10)
    d.add("web", sink=d.path("w.log"), syslog=1)
    d.run("web", "echo one; echo two")
    got = [listener.recv(9000).decode() for _ in range(2)]
    for text, word in zip(got, ("one", "two")):
        assert re.fullmatch(r"<14>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d supd: web " + word, text), text
    assert d.read("w.log") == b"one\ntwo\n"


def test_without_syslog_nothing_waits(drive):
    d = drive(before='mount -t tmpfs tmpfs /dev; mknod -m 666 /dev/null c 1 3')
    d.add("w", sink=d.path("w.log"), syslog=1)
    d.run("w", "seq 1000")
    assert d.read("w.log").splitlines()[-1] == b"1000"
    wait(lambda: d.counters("w")["lost"] > 0, 10, lambda: d.counters("w"))


def test_reopen_after_rename(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"))
    d.run("w", "echo one")
    os.rename(d.path("w.log"), d.path("old.log"))
    d.run("w", "echo two")
    d.reopen()
    d.run("w", "echo three")
    assert (d.read("old.log"), d.read("w.log")) == (b"one\ntwo\n", b"three\n")


def test_deleted_file_comes_back(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"))
    d.run("w", "echo one")
    os.unlink(d.path("w.log"))
    d.run("w", "echo two")
    assert d.read("w.log") == b"two\n"


def test_copytruncate_leaves_no_hole(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"))
    d.run("w", "echo one")
    os.truncate(d.path("w.log"), 0)
    d.run("w", "echo two")
    assert d.read("w.log") == b"two\n"


def test_clear_empties_a_file_that_was_not_written_to_so_far(drive):
    d = drive()
    with open(d.path("w.log"), "wb") as f:
        f.write(b"of an earlier run\n")
    d.add("w", sink=d.path("w.log"))
    d.clear("w")
    assert d.read("w.log") == b""
    d.run("w", "echo x")
    assert d.read("w.log") == b"x\n"


def test_reopen_makes_the_auto_file_of_a_silent_program_again(drive):
    d = drive("childlogdir=auto", before='mkdir -p "$TEST_DIR/auto"')
    d.add("w", sink="auto")
    path = d.path("auto", os.path.basename(d.file_of("w")))
    wait(lambda: os.path.exists(path), 10, "the AUTO file exists")
    os.rename(path, path + ".old")
    d.reopen()
    wait(lambda: os.path.exists(path), 10, "the AUTO file exists again")
    d.run("w", "echo x")
    assert open(path, "rb").read() == b"x\n"


def test_clear(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"))
    d.add("n", sink="none")
    d.run("w", "echo one")
    d.run("n", "echo one")
    d.clear("w")
    d.clear("n")
    d.run("w", "echo two")
    assert d.read("w.log") == b"two\n"
    assert d.tail_text("n") == b""


def test_changed_sink_while_running(drive):
    d = drive()
    d.add("w", sink=d.path("one.log"))
    d.run("w", "echo one")
    d.update("w", sink=d.path("two.log"), prefix=1)
    d.run("w", "echo two")
    assert d.read("one.log") == b"one\n"
    assert re.fullmatch(rb"\S+ w stdout \| two\n", d.read("two.log"))
    d.update("w", sink="none")
    d.run("w", "echo three")
    assert d.tail_text("w", bytes=6) == b"three\n"


def test_deleted_stream_is_written_out_and_its_slot_used_again(drive):
    d = drive()
    for i in range(300):
        d.add("w", sink=d.path("w.log"))
        d.wait_exit(d.spawn("w", f"echo {i}"))
        d.delete("w")
    d.wait_file("w.log", [b"299\n"])
    assert d.read("w.log") == b"".join(b"%d\n" % i for i in range(300))
    inside = os.listdir(f"/proc/{d.ns.outer(d.supd_log()[0])}/fd")
    assert len(inside) < 40


def test_main_log(drive):
    d = drive("mainmax=300", "mainbackups=2")
    for i in range(20):
        d.say(f"line {i}")
        d.drain("main")
    wait(lambda: os.path.exists(d.path("main.log.2")), 10, lambda: os.listdir(d.dir))
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO line 1", d.read("main.log.2").decode()
                     + d.read("main.log.1").decode())


SYSLOG = 'mount -t tmpfs tmpfs /dev 2>/dev/null; mknod -m 666 /dev/null c 1 3; ln -s "$TEST_DIR/log.sock" /dev/log'


def syslogd(d):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(d.path("log.sock"))
    listener.settimeout(10)
    return listener


def said(listener):
    """The next line that it gets, without the time."""
    return listener.recv(9000).decode().partition("supd: ")[2]


def test_syslog_that_is_started_again_is_found_and_told_what_it_missed(drive):
    d = drive(before=SYSLOG)
    first = syslogd(d)
    d.add("web", sink="none", syslog=1)
    d.run("web", "echo one")
    assert said(first) == "web one"
    first.close()
    os.unlink(d.path("log.sock"))
    for _ in range(2):
        d.wait_exit(d.spawn("web", "echo two; echo three"))
        d.drain("web")
    wait(lambda: d.counters("web")["lost"] == 20, 10, lambda: d.counters("web"))
    assert d.counters("web")["lines"] == 4
    d.wait_file("main.log", [b"/dev/log"])
    assert d.main_log().count("/dev/log") == 1, d.main_log()
    second = syslogd(d)
    d.spawn("web", "echo four")
    assert said(second) == "web [supd: 4 lines, 20 bytes of web stdout dropped]"
    assert said(second) == "web four"
    second.close()
    os.unlink(d.path("log.sock"))
    third = syslogd(d)  # at once: nothing is lost
    d.run("web", "echo five")
    assert said(third) == "web five"
    third.close()


def test_syslog_that_does_not_keep_up_loses_nothing(drive):
    d = drive(before=SYSLOG)
    with syslogd(d) as slow:
        d.add("web", sink=d.path("w.log"), syslog=1)
        d.wait_exit(d.spawn("web", "seq 2000"))  # the socket holds a few of them only
        d.wait_file("main.log", [b"/dev/log is full"])
        assert d.read("w.log").split()[-1] == b"2000"
        assert [said(slow) for _ in range(2000)] == [f"web {i}" for i in range(1, 2001)]
        assert d.counters("web")["lost"] == 0


def test_without_syslog_there_is_one_warning_and_no_waiting(drive):
    d = drive(before='mount -t tmpfs tmpfs /dev; mknod -m 666 /dev/null c 1 3')
    d.add("w", sink="none", syslog=1)
    for _ in range(3):
        d.run("w", "echo x")
        wait(lambda: d.counters("w")["waiting"] == 0, 10, lambda: d.counters("w"))
        assert d.drain("w") < 150
    wait(lambda: d.counters("w")["failures"] > 1, 10, "it has been tried again")
    d.wait_file("main.log", [b"/dev/log"])
    assert d.main_log().count("/dev/log") == 1, d.main_log()
    assert "what would go there is dropped" in d.main_log()


def test_lines_that_waited_have_the_time_when_they_were_read(drive):
    d = drive()
    d.add("w", sink=d.path("later", "w.log"), json=1)
    d.wait_exit(d.spawn("w", "seq -f first%03.0f 600"))
    wait(lambda: d.counters("w")["bytes"] == 600 * 9, 20, lambda: d.counters("w"))
    d.wait_exit(d.spawn("w", "sleep 1.5; seq -f second%03.0f 1200"))
    os.mkdir(d.path("later"))
    d.wait_file("later/w.log", [b'"second1200"'])
    rows = [json.loads(line) for line in d.read("later/w.log").splitlines()]
    assert [r["message"] for r in rows] == [f"first{i:03}" for i in range(1, 601)] + [f"second{i:03}" for i in range(1, 1201)]
    times = [datetime.datetime.fromisoformat(r["time"]).timestamp() for r in rows]
    # the first 4 KiB of the second part may lie where the first part ends
    assert times == sorted(times) and times[600 + 400] > times[599] + 1.4


def test_a_descriptor_of_supd_is_never_rotated(drive):
    """/dev/fd/N is somebody else's file, whatever the defaults of maxbytes and backups say."""
    d = drive(before='exec 9>>"$TEST_DIR/nine" 8>>"$TEST_DIR/eight"')
    d.add("w", sink="/dev/fd/9", maxbytes=10, backups=2)
    d.add("n", sink="/dev/fd/8", maxbytes=10, backups=0)
    for name in "wn":
        d.run(name, "seq 100")
    want = b"".join(b"%d\n" % i for i in range(1, 101))
    assert d.read("nine") == want and d.read("eight") == want
    assert "cannot rename" not in d.main_log()


def test_clear_where_the_folder_is_not_ours(drive):
    """A file that may be written but not unlinked is emptied all the same."""
    d = drive(before='mkdir "$TEST_DIR/logs" && touch "$TEST_DIR/logs/w.log" && chmod 666 "$TEST_DIR/logs/w.log"\n'
                     'chmod 777 "$TEST_DIR"; set -- setpriv --reuid 65534 --regid 65534 --clear-groups "$@"')
    d.add("w", sink=d.path("logs", "w.log"))
    d.run("w", "echo one")
    assert d.read("logs/w.log") == b"one\n"
    d.clear("w")
    assert d.read("logs/w.log") == b""
    d.run("w", "echo two")
    assert d.read("logs/w.log") == b"two\n"


def test_json_of_bytes_that_are_no_text(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"), json=1)
    d.run("w", r"printf 'a\0b\n\300\257\355\240\200\364\220\200\200\nend\177\n'; head -c 200000 /dev/urandom; echo; "
               r"printf '\342\202\254%.0s' $(seq 40000)")
    text = d.read("w.log")
    rows = [json.loads(line) for line in text.decode().split("\n")[:-1]]  # valid UTF-8 and JSON
    assert rows[0]["message"] == "a\0b" and rows[2]["message"] == "end\x7f"
    assert set(rows[1]["message"]) == {"\ufffd"}
    euros = [r["message"] for r in rows if "\u20ac" in r["message"]]
    assert "".join(euros)[-40000:] == "\u20ac" * 40000
