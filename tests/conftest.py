"""Fixtures of every test that starts real programs."""
import functools
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness.logdrive import Drive  # noqa: E402
from harness.plaininit import Init  # noqa: E402
from harness.sharing import LongFirst, long_first  # noqa: E402
from harness.supervised import Supd  # noqa: E402

# a job in the background of a script ignores it, and so would all that tests start and interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    items[:] = long_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return LongFirst(config, log) if config.getvalue("dist") == "load" else None


@functools.lru_cache(None)
def can_unshare():
    return subprocess.run(["unshare", "--pid", "--fork", "--mount", "--mount-proc", "true"],
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


@pytest.fixture
def sup():
    """sup(CONF, ...) starts supd and, with ready=True, waits until its control socket answers.

    The other arguments are those of harness.supervised.Supd.
    When the test is over it is stopped; the test fails if that takes too long, leaves something
    running, wrote an error to the log that the test did not declare, or a sanitizer found a fault.
    """
    assert can_unshare(), "these tests make namespaces: run them as root, or through ./dev test; in a " \
        "container they take CAP_SYS_ADMIN (docker run --privileged)"
    started = []

    def start(conf, *, ready=True, **kw):
        one = Supd(conf, **kw)
        started.append(one)
        one.start()
        if ready:
            one.wait_ready()
        return one

    yield start
    wrong = []
    for one in reversed(started):
        wrong += one.close()
    assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="module")
def open_dir():
    """open_dir() makes a folder that other users may enter, which tmp_path's parents forbid."""
    made = []

    def make():
        made.append(pathlib.Path(tempfile.mkdtemp(prefix="supd-test-open-", dir="/tmp")))
        made[-1].chmod(0o755)
        return made[-1]

    yield make
    for one in made:
        shutil.rmtree(one)


@pytest.fixture
def drive():
    """drive(...) starts supd-log without supd; see harness.logdrive.Drive."""
    made = []

    def make(*args, **kw):
        made.append(Drive(*args, **kw))
        return made[-1]

    yield make
    wrong = [text for one in made for text in one.close()]
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def plain():
    """plain(ARGV, ...) starts a plain init; see harness.plaininit.Init."""
    made = []

    def make(*args, **kw):
        made.append(Init(*args, **kw))
        return made[-1]

    yield make
    for one in made:
        one.close()
