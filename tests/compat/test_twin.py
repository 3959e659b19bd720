"""Debian's supervisord and ours on the same configurations with the same actions: what a client can
see is equal, but for the rows of one table in docs/supervisor.md. A test per house, the scenarios of
a house run beside one another; `-k life` plays one."""
import importlib
import json
import os
import pkgutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
pytest.importorskip("supervisor.options")
pytestmark = [pytest.mark.twin, pytest.mark.timeout(180)]

from twin import houses, table  # noqa: E402
from twin.daemons import Twin  # noqa: E402
from twin.house import HOUSES, compare  # noqa: E402
from twin.player import Player  # noqa: E402

for module in pkgutil.iter_modules(houses.__path__):
    importlib.import_module(f"twin.houses.{module.name}")

SHOW = os.environ.get("SUPD_TEST_SHOW")  # prints what was seen


def both(house):
    """What the two saw, and what was wrong with ours at its end."""
    twins, players, seen, wrong = [Twin(house, real) for real in (True, False)], [], [], []
    try:
        for twin in twins:
            twin.start()
        for twin in twins:
            twin.wait_up()
        players = [Player(house, twin) for twin in twins]
        seen = [player.result() for player in players]
    finally:
        for twin in twins:
            wrong += twin.finish()
    return seen, wrong


@pytest.mark.parametrize("name", sorted(HOUSES))
def test_house(name):
    house = HOUSES[name]
    (theirs, ours), wrong = both(house)
    if SHOW:
        print(json.dumps(theirs, indent=1, default=str))
    found = compare(house, theirs, ours) + wrong
    assert not found, f"{len(found)} differences:\n" + "\n".join(found)


def test_every_difference_is_in_the_table():
    """What scenarios let differ is a row of docs/supervisor.md, and each row is held by somebody."""
    found = table.wrong()
    assert not found, "\n".join(found)


def test_every_section_is_played():
    found = table.unplayed(HOUSES)
    assert not found, "\n".join(found)


def test_there_are_scenarios():
    assert sum(len(house.scenarios()) for house in HOUSES.values()) >= 60
