"""An event listener for tests, after the documented protocol, in the text mode of Python's standard streams.

usage: listener.py RECORD [WORD...]

Each event is a line of JSON in RECORD: its header's fields and its payload. Words:

bytes      len counts bytes
fail=N     rejects the first N events of this process
die=N      ends without an answer with its N-th event, once: the file RECORD.died says that it did
slow=MS    takes so long for each event
hold       answers an event only once the file RECORD.go is there
garbage    says something that is no protocol, unless the file RECORD.good is there
late       is not READY before the file RECORD.ready is there
stderr     says on its standard error, too, what it got
told       notes in RECORD.told each serial that it has answered
"""
import json
import os
import select
import sys

from waiting import wait


def wait_for(path):
    wait(lambda: os.path.exists(path), 600)


def say(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def read_event(by_bytes):
    line = sys.stdin.buffer.readline() if by_bytes else sys.stdin.readline().encode()
    if not line:
        sys.exit(0)
    head = dict(pair.split(":", 1) for pair in line.decode().split())
    size = int(head["len"])
    payload = sys.stdin.buffer.read(size).decode() if by_bytes else sys.stdin.read(size)
    return dict(head, payload=payload, line=line.decode())


def main(record, *words):
    options = dict(word.partition("=")[::2] for word in words)
    fails, dies, seen = int(options.get("fail", 0)), int(options.get("die", 0)), 0
    if "late" in options:
        wait_for(record + ".ready")
    if "garbage" in options and not os.path.exists(record + ".good"):
        say("I am no listener\n")
    with open(record, "a", encoding="utf-8") as out:
        while True:
            say("READY\n")
            event = read_event("bytes" in options)
            seen += 1
            print(json.dumps(dict(event, listener=os.getpid())), file=out, flush=True)
            if "stderr" in options:
                print(event["eventname"], file=sys.stderr, flush=True)
            if "slow" in options:
                select.select([], [], [], int(options["slow"]) / 1000)
            if "hold" in options:
                wait_for(record + ".go")
            if seen == dies and not os.path.exists(record + ".died"):
                with open(record + ".died", "w", encoding="utf-8"):
                    pass
                os._exit(3)
            say("RESULT 4\nFAIL" if seen <= fails else "RESULT 2\nOK")
            if "told" in options:
                with open(record + ".told", "a", encoding="utf-8") as told:
                    print(event["serial"], file=told)


if __name__ == "__main__":
    main(*sys.argv[1:])
