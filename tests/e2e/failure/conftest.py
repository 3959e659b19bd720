"""Fixtures of the tests of failures."""
import pytest

from harness import cgroups


@pytest.fixture
def cgroup():
    """cgroup("pids") makes a control group; it is removed after the programs of the test.

    It has to come before sup or plain among the arguments of a test.
    """
    made = []

    def make(*args, **kw):
        made.append(cgroups.make(*args, **kw))
        return made[-1]

    yield make
    for one in made:
        one.close()
