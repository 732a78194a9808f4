"""What every part of the lab says and waits by."""
import time


class Failed(Exception):
    """A test's expectation did not hold."""


class Skipped(Exception):
    """A test cannot run here; the message says why."""


class Interrupted(BaseException):
    """SIGINT or SIGTERM came."""


def expect(condition, reason):
    if not condition:
        raise Failed(reason)


def wait_until(condition, seconds, what):
    """Polls condition until it is true and gives its value; Failed when the time is over."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise Failed(f"not within {seconds:g} s: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def holds_for(condition, seconds, what):
    """Polls condition for the whole time; Failed as soon as it is not true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        expect(condition(), f"did not hold for {seconds:g} s: {what}")
        time.sleep(0.1)
