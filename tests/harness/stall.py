"""A disk that does not answer: whoever opens a file waits, as long as a test wants it."""
import contextlib
import ctypes
import os
import threading

import pytest

FAN_EVENT_ON_CHILD = 0x08000000
FAN_OPEN_PERM, FAN_MARK_ADD, FAN_CLASS_CONTENT, FAN_CLOEXEC = 0x10000, 1, 4, 1


@contextlib.contextmanager
def stalled(path, limit=60):
    """Nobody opens the file, or what is in the folder, until this ends, or limit seconds are over."""
    mask = FAN_OPEN_PERM | (FAN_EVENT_ON_CHILD if os.path.isdir(path) else 0)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, os.O_RDONLY)
    if fd < 0:
        pytest.skip("no fanotify here")
    end = os.fdopen(fd, "rb", buffering=0)
    timer = threading.Timer(limit, end.close)
    try:
        if libc.fanotify_mark(fd, FAN_MARK_ADD, ctypes.c_uint64(mask), -100, os.fsencode(path)) < 0:
            pytest.skip("no permission events here")
        timer.start()
        yield
    finally:
        timer.cancel()
        end.close()
