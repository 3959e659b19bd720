"""The one way to wait: ask again and again until a condition holds or its time is over."""
import time


class Late(AssertionError):
    """A condition that did not come true in its time."""


def wait(condition, timeout=10, what=None, every=0.02):
    """Returns the first true value of condition(); raises Late after timeout seconds."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            said = what() if callable(what) else what
            raise Late(f"not within {timeout} s: {said or condition}")
        time.sleep(every)
