"""Three event listeners in the style of superlance's, for tests: crashmail, memmon, httpok.

usage: superlance.py crashmail SENDMAIL
       superlance.py memmon SENDMAIL PROGRAM=BYTES
       superlance.py httpok SENDMAIL PROGRAM=URL

SENDMAIL is a shell command that gets the mail on its standard input. $SUPCTL is how supd is asked. Written
against docs/listeners.md: text mode, len in characters.
"""
import os
import subprocess
import sys
import urllib.error
import urllib.request


class Protocol:
    def wait(self):
        sys.stdout.write("READY\n")
        sys.stdout.flush()
        line = sys.stdin.readline()
        headers = dict(pair.split(":") for pair in line.split())
        return headers, sys.stdin.read(int(headers["len"]))

    def ok(self):
        sys.stdout.write("RESULT 2\nOK")
        sys.stdout.flush()


def pairs(text):
    return dict(pair.split(":") for pair in text.split())


def supctl(*words):
    return subprocess.run([os.environ["SUPCTL"], *words], stdout=subprocess.PIPE, text=True, check=False).stdout


def mail(command, subject, text):
    subprocess.run(["/bin/sh", "-c", command], input=f"Subject: {subject}\n\n{text}\n", text=True, check=True)
    print(f"mailed: {subject}", file=sys.stderr, flush=True)


def crashmail(headers, payload, command):
    if headers["eventname"] != "PROCESS_STATE_EXITED":
        return
    event = pairs(payload)
    if not int(event["expected"]):
        mail(command, f"{event['processname']} crashed", "Process {processname} in group {groupname} exited unexpectedly "
             "(pid {pid}) from state {from_state}".format(**event))


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def memmon(headers, payload, command, limit):
    name, _, most = limit.partition("=")
    pid = int(supctl("pid", name))
    if headers["eventname"].startswith("TICK") and pid and resident(pid) > int(most):
        supctl("restart", name)
        mail(command, f"memmon: {name} restarted", f"it used more than {most} bytes at {pairs(payload)['when']}")


def status_of(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        return e.code
    except OSError:
        return 0


def httpok(headers, payload, command, what):
    name, _, url = what.partition("=")
    if not headers["eventname"].startswith("TICK"):
        return
    status = status_of(url)
    if status != 200:
        supctl("restart", name)
        mail(command, f"httpok: {name} restarted", f"status {status} at {payload}")


def main(kind, command, *rest):
    protocol = Protocol()
    while True:
        headers, payload = protocol.wait()
        {"crashmail": crashmail, "memmon": memmon, "httpok": httpok}[kind](headers, payload, command, *rest)
        protocol.ok()


if __name__ == "__main__":
    main(*sys.argv[1:])
