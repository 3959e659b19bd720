"""The pages for people: that they are there."""
from ..house import HEAD, SERVER, House, program
from .http import Raw, get

house = House("pages", HEAD + SERVER + program("web", "sleep 1000", stdout_logfile="/run/w/web.log"))


@house.scenario
def pages(t):
    for path in ("/", "/index.html", "/ok.html", "/tail.html?processname=web"):
        line, _, _, body = Raw().send(get(path)).answer()
        t.see(path, [line, body])
