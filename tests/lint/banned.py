"""banned: functions that we do not call, each with what to use instead."""
import ast
import re

from tree import line_of, strip_comments

# name: why not, or what instead
EVERYWHERE = {
    "strcpy": "str_puts, or memcpy with a known length",
    "stpcpy": "str_puts",
    "strcat": "str_puts",
    "strncat": "str_put",
    "sprintf": "snprintf or str_printf",
    "vsprintf": "vsnprintf or str_vprintf",
    "gets": "fgets",
    "strtok": "strchr or strcspn",
    "strtok_r": "strchr or strcspn",
    "atoi": "text_int",
    "atol": "text_int",
    "atoll": "text_int",
    "atof": "strtod",
    "system": "spawn",
    "popen": "spawn",
    "signal": "sigaction",
    "alloca": "an arena, or a bound",
    "tmpnam": "mkostemp",
    "mktemp": "mkostemp",
    "rand": "rng_next",
    "srand": "rng_seed",
    "random": "rng_next",
    "gettimeofday": "mono_now or wall_now",
    "localtime": "localtime_r",
    "gmtime": "gmtime_r",
    "ctime": "strftime",
    "sleep": "a timer, or poll with a limit",
    "usleep": "a timer, or poll with a limit",
    "ev_default_loop": "loop of supervisor/io (libev's default loop eats exit statuses)",
}
# in the product's libraries only: these end or block the program that calls them
LIBRARIES = {
    "exit": "return an error; only a main ends a program",
    "assert": "return an error; assert stays in tests",
    "printf": "log_line, or a str that a main prints",
    "perror": "err_errno",
}
# the places that may: supctl talks to people; a main ends
TALKERS = ("supervisor/main/", "supervisor/cli/", "supervisor/supervisorctl/", "supervisor/conf/show.c")
EXEMPT = {"exit": TALKERS, "printf": TALKERS, "perror": TALKERS}
# in tests only what would hide a wait or a shell; the sanitizers look after the rest
TESTS_NEVER = {"sleep", "usleep", "system", "popen", "ev_default_loop"}
# these play slow or busy workers
PLAYERS = ("tests/tools/", "tests/bench/")
RESETS = r"\w+, SIG_(?:DFL|IGN)\)"  # signal() that sets no handler is portable and short
PYTHON_NEVER = {"time.sleep", "os.system"}
PYTHON_WAITER = "tests/harness/waiting.py"  # the one poll loop with a limit


def c_calls(text, names):
    bare = strip_comments(text)
    pattern = r"(?<![\w.>])(" + "|".join(map(re.escape, names)) + r")[ \t]*\((?!" + RESETS + ")"
    for m in re.finditer(pattern, bare):
        yield line_of(bare, m.start()), m.group(1)


def allowed(path, name):
    if path.startswith("tests/"):
        return name not in TESTS_NEVER or path.startswith(PLAYERS)
    return path.startswith(EXEMPT.get(name, ("no folder",)))


def python_calls(text):
    """(line, what) of calls in Python that we do not make; programs in strings are not ours."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in PYTHON_NEVER:
            yield node.lineno, ast.unparse(node.func)
        elif isinstance(node, ast.keyword) and node.arg == "shell" and ast.unparse(node.value) == "True":
            yield node.value.lineno, "shell=True"
        elif isinstance(node, ast.Constant) and re.search(r"\b(?:pkill|killall)\b", str(node.value)):
            yield node.lineno, "a process ended by its name"


def check_python(tree, path):
    if path.startswith(("tests/lint/", "tests/bench/")) or path == PYTHON_WAITER:
        return []
    return [f"{path}:{line}: {what}: wait with a condition and a limit (tests/harness/waiting.py); end "
            "processes by their pid" for line, what in python_calls(tree.read(path))]


def check(tree):
    found = []
    names = {**EVERYWHERE, **LIBRARIES}
    for path in tree.files(".c", ".h"):
        for line, name in c_calls(tree.read(path), names):
            if not allowed(path, name):
                found.append(f"{path}:{line}: {name}(): use {names[name]}")
    for path in tree.files(".py"):
        found += check_python(tree, path)
    return found
