"""Small ground of the lab: running programs, waiting for conditions, undoing things at the end.

Used by every other module of the lab. Ends only what it started, by id.
"""

import atexit
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time


class LabError(Exception):
    """Something of the lab itself did not work (not the thing under test)."""


class Timeout(AssertionError):
    """A condition that a test waits for did not come true in time."""


def say(text):
    print(f"lab: {text}", file=sys.stderr, flush=True)


class Result:
    """What a finished program left: `code`, `out`, `err` (text)."""

    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err

    def __bool__(self):
        return self.code == 0

    def __repr__(self):
        return f"exit {self.code} of {self.argv!r}\nstdout: {self.out[-2000:]}\nstderr: {self.err[-2000:]}"


def run(argv, check=True, timeout=30.0, input=None, **options):
    argv = [str(a) for a in argv]
    try:
        p = subprocess.run(argv, capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL if input is None else None,
                           input=input.encode() if isinstance(input, str) else input, **options)
    except subprocess.TimeoutExpired as e:
        raise LabError(f"no end after {timeout} s: {argv}\n{(e.stdout or b'').decode(errors='replace')[-2000:]}"
                       f"{(e.stderr or b'').decode(errors='replace')[-2000:]}") from None
    result = Result(argv, p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace"))
    if check and not result:
        raise LabError(repr(result))
    return result


def wait_until(desc, fn, timeout=30.0, interval=0.1):
    """Calls `fn` until it gives something true and returns that; Timeout names `desc` and the last answer.

    A LabError, OSError, KeyError or ValueError of `fn` counts as "not yet" and is told if time runs out."""
    end = time.monotonic() + timeout
    last = None
    while True:
        try:
            last = fn()
            if last:
                return last
        except (LabError, OSError, LookupError, ValueError) as e:
            last = e
        if time.monotonic() >= end:
            raise Timeout(f"waited {timeout:g} s for: {desc}; last seen: {last!r}")
        time.sleep(interval)


def start_time(pid):
    """Field 22 of /proc/PID/stat: with the pid, the identity of a process. None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return int(f.read().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def die_with_parent():
    """For preexec_fn: SIGKILL when the lab's own process dies, however it dies."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


class Finalizers:
    """Undo steps, last in first out; each runs once, and a failing one does not keep the others from running."""

    def __init__(self):
        self._steps = []
        self._lock = threading.RLock()
        atexit.register(self.close)

    def add(self, desc, fn, *args):
        with self._lock:
            self._steps.append((desc, fn, args))

    def close(self):
        problems = []
        with _uninterrupted():
            while True:
                with self._lock:
                    if not self._steps:
                        break
                    desc, fn, args = self._steps.pop()
                try:
                    fn(*args)
                except Exception as e:  # noqa: BLE001: every step must get its turn
                    problems.append(f"{desc}: {e}")
        atexit.unregister(self.close)
        for p in problems:
            say(f"could not undo {p}")
        return problems


@contextlib.contextmanager
def _uninterrupted():
    """Ctrl-C and SIGTERM wait until the undoing is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {s: signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for s, handler in old.items():
            signal.signal(s, handler)


@contextlib.contextmanager
def interruptible():
    """SIGTERM and SIGHUP unwind like Ctrl-C, so that finalizers run."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number, _):
        raise KeyboardInterrupt(signal.Signals(number).name)

    old = {s: signal.signal(s, interrupt) for s in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for s, handler in old.items():
            signal.signal(s, handler)


def which_missing(*programs):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [p for p in programs
            if not any(os.access(os.path.join(d, p), os.X_OK) for d in path.split(":") if d)]
