"""The table of wanted differences in docs/supervisor.md, and who holds each of its rows."""
import ast
import glob
import os
import re

from supervisor.supervisorctl import DefaultControllerPlugin

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
WHO = os.path.join(os.path.dirname(HERE), "README.md")
PAGE = os.path.join(ROOT, "docs/supervisor.md")
TAKES_A_ROW = ("differs", "begins")

# rows that other tests hold: what happens in them takes a cgroup, a shortage, a long time or a terminal
ELSEWHERE = {
    "foreground": "test_as_supervisord.py::test_it_goes_to_the_background",
    "HUP deletes AUTO logs": "test_reload.py::test_auto_logs_go_on_over_hup",
    "file of `[include]`": "test_reload.py::test_an_include_that_cannot_be_read_stops_nothing",
    "HUP, reload": "test_reload.py::test_as_supervisord_hup_restarts_everything",
    "| shutdown |": "test_as_supervisord.py::test_a_long_shutdown",
    "| exit status |": "test_exit_status.py::test_the_table",
    "SIGPIPE and SIGXFSZ": "test_as_supervisord.py::test_signals_of_programs",
    "starts, restarts and stops once a second": "test_life.py::test_autorestart",
    "stops one group after the other": "test_shutdown.py::test_reverse_priority",
    "restart waits for nothing": "test_life.py::test_retry_window",
    "too many processes": "test_spawn_errors.py::test_no_process_left",
    "stopped (SIGSTOP) program": "test_stop.py::test_a_stopped_program_is_continued",
    "want of memory": "failure/test_resources.py::test_the_reason_of_a_death",
    "frozen": "failure/test_kernel.py::test_frozen_and_thawed",
    "number that passwd does not know": "failure/test_first_process.py::test_a_number_without_a_name",
    "second TERM": "test_shutdown.py::test_a_second_signal_hastens",
    "supervisord prints what the listener answers": "test_listeners_print.py::test_what_is_printed",
    "FastCGI socket is closed with the last process": "test_fcgi.py::test_a_restart_closes_nothing",
    "member of a `[group:x]` loses its FastCGI": "test_fcgi.py::test_tcp_in_a_group_and_by_two_groups",
    "whatever lies at the path": "test_fcgi.py::test_no_start_without_it",
    "`-v`": "test_names.py::test_help_and_version",
    "control socket's default path": "test_names.py::test_a_second_one",
    "as root without": "test_names.py::test_who_it_runs_as",
    "in the working folder by root": "test_names.py::test_where_it_looks",
    "pidproxy": "test_names.py::test_pidproxy_ends_with_the_command",
    "answers when the text is queued": "test_rpc.py::test_stdin",
    "`reloadConfig` of a file": "test_rpc.py::test_groups_and_configuration",
    "on the web page": "test_page.py::test_links_of_old",
    "an event that a listener rejects": "test_listeners.py::test_rejected_events_come_again_in_order",
    "rejects everything": "test_listeners.py::test_rejected_events_come_again_in_order",
    "finds its buffer full": "test_listeners.py::test_overflow",
    "events that they never got": "test_listeners.py::test_the_way_down",
    "comes as PROCESS_LOG, too": "test_text_events.py::test_capture",
    "a capture written at once": "test_text_events.py::test_capture",
    "any page that a browser shows": "test_http.py::test_pages_of_other_sites",
    "a name of its own that leads to 127": "test_http_servers.py::test_names_of_others",
    "over 32 bits": "../unit/test_xmlrpc.c::numbers_have_32_bits",
    "`i8`": "../unit/test_xmlrpc.c::values_are_read",
    "at `loglevel=debug`": "test_names.py::test_output_in_the_main_log",
    "pipes and terminals": "test_log_sinks.py::test_dev_stdout_is_never_rotated",
    "control by `supervisorctl`": "../compat/test_supervisorctl.py::test_the_same_words",
}


def rows():
    """The rows of the tables of wanted differences, as text."""
    with open(PAGE, encoding="utf-8") as f:
        part = f.read().split("## Different on purpose")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [a for a, b in zip(lines, lines[1:] + [""]) if not re.match(r"[|\-: ]+$", a) and not re.match(r"\|-", b)]


def named():
    """The rows that scenarios name, by the words with which they do it: {words: file}."""
    found = {}
    for path in glob.glob(os.path.join(HERE, "houses", "*.py")):
        with open(path, encoding="utf-8") as f:
            tree = ast.parse(f.read())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TAKES_A_ROW:
                found[ast.literal_eval(node.args[0])] = os.path.basename(path)
    return found


def exists(test):
    path, _, name = test.partition("::")
    path = os.path.join(ROOT, "tests/e2e", path)
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as f:
        return re.search(rf"^(?:def|static void) {name}\(", f.read(), re.M) is not None


def wrong():
    """What does not fit between the table and those who hold it, as sentences."""
    table, scenarios = rows(), named()
    words = {**scenarios, **ELSEWHERE}
    found = [f"{word!r} ({words[word]}) names {n} rows" for word in words
             for n in [sum(word in row for row in table)] if n != 1]
    found += [f"no scenario and no test holds: {row}" for row in table if not any(word in row for word in words)]
    return found + [f"there is no {test}" for test in ELSEWHERE.values() if not exists(test)]


def unplayed(houses):
    """What does not fit between README.md's table, the houses, and the sections and commands to be played."""
    with open(WHO, encoding="utf-8") as f:
        text = f.read().split("## Who plays what")[1]
    rows = re.findall(r"^\| ([\d.]+) [^|]*\| ([^|]*) \|$", text, re.M)
    told = {(house.strip(), name.strip()) for _, cell in rows for part in cell.split(";")
            for house, _, names in [part.partition(":")] for name in names.split(",")}
    real = {(house.name, name) for house in houses.values() for name in house.scenarios()}
    found = [f"no such scenario: {house}: {name}" for house, name in sorted(told - real)]
    found += [f"in no row: {house}: {name}" for house, name in sorted(real - told)]
    wanted = [str(n) for n in range(9, 19)] + [f"21.{n}" for n in range(1, 13)]
    found += [f"no row: {number}" for number in wanted if number not in [row for row, _ in rows]]
    named = set(re.findall(r"`(\w+)`", text.split("each played:")[1]))
    have = {name[3:] for name in dir(DefaultControllerPlugin) if name.startswith("do_")} - {"EOF"}
    return found + [f"command of supervisorctl: {name}" for name in sorted(have ^ named)] + \
        [f"no scenario calls supervisorctl {name}" for name in sorted(have) if not called(name)]


def called(command):
    """True if some house has it among the words of a supervisorctl, or types it."""
    for path in glob.glob(os.path.join(HERE, "houses", "*.py")):
        with open(path, encoding="utf-8") as f:
            if re.search(rf"\[\"{command}\"|ctl\(\"{command}\"|\\n{command}(?: [\w ]+)?\\n", f.read()):
                return True
    return False
