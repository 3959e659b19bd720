#!/usr/bin/python3
"""A FastCGI process of the soak, `page.py EVERY`: tells whoever connects to its descriptor 0 its pid, waits until
they are gone, and after one in EVERY of them ends."""
import os
import random
import socket
import sys


def main(every):
    listening = socket.socket(fileno=0)
    while True:
        client = listening.accept()[0]
        with client:
            client.sendall(b"%d\n" % os.getpid())
            client.recv(1)
        if random.randrange(int(every)) == 0:
            sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
