"""Completion in the real bash and the real zsh."""
import os

import pytest

from harness.supervised import ROOT, build_dir
from harness.terminal import Terminal

CONF = """[supd]
[supervisord]
childlogdir=%(here)s
[program:solitary]
command=/bin/sleep 1000
startsecs=0
[group:pair]
programs=alpha,beta
[program:alpha]
command=/bin/sleep 1000
startsecs=0
[program:beta]
command=/bin/sleep 1000
startsecs=0
"""

BASH = f"""PS1='ready> '; source /usr/share/bash-completion/bash_completion; \
source {ROOT}/completion/supctl.bash; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; echo lo''aded
"""
ZSH = f"""PS1='ready> '; fpath=({ROOT}/completion $fpath); autoload -Uz compinit; compinit -u -D; \
setopt no_beep; echo lo''aded
"""


@pytest.fixture(params=["bash", "zsh"])
def shell(request, sup):
    s = sup(CONF)
    s.wait_state("solitary", "RUNNING")
    argv = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}[request.param]
    env = dict(s.env, TERM="vt100", PATH=build_dir() + ":" + os.environ["PATH"], HOME=s.dir)
    t = Terminal(s.ns.enter_command(argv), env=env)
    t.type({"bash": BASH, "zsh": ZSH}[request.param])
    t.expect("loaded\r\n[\\s\\S]*ready> ")
    yield s, t
    t.close()


@pytest.mark.parametrize("option", ["--socket=", "-s"])
def test_another_socket_in_one_word(shell, option):
    s, t = shell
    t.type("SUPD_SOCKET=/nothing; export SUPD_SOCKET; echo do''ne\n")
    t.expect("done\r\n[\\s\\S]*ready> ")
    t.type(f"supctl {option}{s.socket} pid soli\t\n")
    t.expect(rf"^{s.status()['solitary']['pid']}\r")


@pytest.mark.parametrize("typed,name", [("supctl pid soli\t", "solitary"), ("supctl pid pair:al\t", "pair:alpha")])
def test_names(shell, typed, name):
    s, t = shell
    t.type(typed)
    t.expect(name.rpartition(":")[2])
    t.type("\n")
    t.expect(rf"^{s.status()[name]['pid']}\r")


def test_a_word_that_is_not_begun(shell):
    t = shell[1]
    t.type("supctl remove \t\t")
    t.expect("pair +solitary")


def test_commands_and_other_words(shell):
    s, t = shell
    t.type("supctl vers\t")
    t.expect("version")
    t.type("\n")
    t.expect(r"^supd \d[\s\S]*ready> ")
    t.type("supctl signal USR\t1 soli\t\n")
    t.expect("solitary: signalled[\\s\\S]*ready> ")
    t.type("supctl --js\tstatu\tsoli\t\n")
    t.expect('"name": "solitary"')


def test_another_socket(shell):
    s, t = shell
    t.type("SUPD_SOCKET=/nothing; export SUPD_SOCKET; echo do''ne\n")
    t.expect("done\r\n[\\s\\S]*ready> ")
    t.type(f"supctl -s {s.socket} pid soli\t\n")
    t.expect(rf"^{s.status()['solitary']['pid']}\r")


def test_check_completes_files(shell):
    s, t = shell
    t.type(f"supctl check {s.dir}/supd.c\t\n")
    t.expect("good|right")
