#!/usr/bin/python3
"""An event listener of the soak, `ear.py RECORD EVERY`: notes in RECORD what it gets and what it does with
it, a line for each; with one in EVERY events it ends, and another one it rejects.

A line is `WHO POOLSERIAL WHAT EVENT PAYLOAD`; WHO is this process's alone. `got` comes before anything else,
`died` and `gave` before supd can know, `done` after it was told: whenever it is killed, only an event that is
`got` and no more may have been answered or not.
"""
import os
import random
import sys


def say(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def read_event():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    head = dict(pair.split(":", 1) for pair in line.split())
    return head["poolserial"], head["eventname"], sys.stdin.read(int(head["len"])).replace("\n", " ")


def main(record, every):
    who, out = os.urandom(4).hex(), os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    while True:
        say("READY\n")
        serial, event, payload = read_event()

        def note(what):
            os.write(out, f"{who} {serial} {what} {event} {payload}\n".encode())
        note("got")
        chance = random.randrange(int(every))
        if chance == 0:
            note("died")
            os._exit(3)
        if chance == 1:
            note("gave")
            say("RESULT 4\nFAIL")
        else:
            say("RESULT 2\nOK")
            note("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
