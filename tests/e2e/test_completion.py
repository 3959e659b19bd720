"""Bash and zsh complete commands, names of programs and signals, with what supd says."""
import os

import pytest

from harness.supervised import ROOT, build_dir

BASH = """
. /usr/share/bash-completion/bash_completion
. "$COMPLETION/supctl.bash"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
_filedir() { echo "files"; }
_supctl
printf '%s\\n' "${COMPREPLY[@]}"
"""
ZSH = """
words=("$@"); CURRENT=$#; PREFIX=$words[CURRENT]
compadd() { [[ $1 == -a ]] && print -l -- ${(P)3} || print -l -- ${@[2,-1]}; }
_files() { print files; }
. "$COMPLETION/_supctl"
"""
CONF = """
[supervisord]
user=root
[program:web]
command=sleep 1000
process_name=%(program_name)s_%(process_num)d
numprocs=2
[program:worker]
command=sleep 1000
"""


@pytest.fixture(params=["bash", "zsh"])
def complete(sup, request):
    """complete(WORD...) gives the candidates for the last word, sorted."""
    s = sup(CONF)
    env = {"PATH": f"{build_dir()}:/usr/bin:/bin", "SUPD_SOCKET": s.socket, "HOME": s.dir,
           "COMPLETION": os.path.join(ROOT, "completion")}
    argv = {"bash": ["bash", "--norc", "-c", BASH], "zsh": ["zsh", "-f", "-c", ZSH]}[request.param]

    def run(*words, **more):
        done = s.run(*argv, request.param, *words, env={**env, **more})
        assert done.returncode in (0, 1) and not done.stderr, done.stderr
        return sorted(done.stdout.split())

    run.shell, run.socket = request.param, s.socket
    return run


def test_commands(complete):
    assert complete("supctl", "st") == ["start", "stats", "status", "stop"]
    assert "explain" in complete("supctl", "")
    assert complete("supctl", "--json", "expl") == ["explain"]


def test_names(complete):
    found = complete("supctl", "restart", "w")
    assert found == ["web:*", "web:web_0", "web:web_1", "worker"]
    # bash breaks words at colons, and wants what follows the last one
    cut = "" if complete.shell == "zsh" else "web:"
    assert complete("supctl", "status", "worker", "web:web_") == [n.removeprefix(cut) for n in ("web:web_0",
                                                                                               "web:web_1")]


def test_names_of_another_supd(complete):
    assert complete("supctl", "-s", complete.socket, "pid", "wor", SUPD_SOCKET="/nowhere") == ["worker"]
    assert complete("supctl", "pid", "wor", SUPD_SOCKET="/nowhere") == []


def test_other_words(complete):
    assert complete("supctl", "signal", "USR") == ["USR1", "USR2"]
    assert complete("supctl", "tail", "-") == ["-f"]
    assert complete("supctl", "--js") == (["--json"] if complete.shell == "bash" else
                                          ["--help", "--json", "--socket", "--version", "-s"])
    assert complete("supctl", "check", "x") == ["files"]
    assert complete("supctl", "-s", "/r") == ["files"]


def test_zsh_finds_it(sup):
    s = sup("[supervisord]\nuser=root\n")
    done = s.run("zsh", "-f", "-c", "fpath=($COMPLETION $fpath); autoload -Uz compinit; compinit -u -d $HOME/dump;"
                 "print $_comps[supctl]", env={"PATH": "/usr/bin:/bin", "HOME": s.dir,
                                               "COMPLETION": os.path.join(ROOT, "completion")})
    assert done.stdout.strip() == "_supctl", done.stderr
