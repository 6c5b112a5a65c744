"""Stopping a run without losing what it has done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mixvocab.common.progress import say

STOP = threading.Event()
"""Set it to let training runs that have a folder write a checkpoint before long and raise `Stopped`."""


class Stopped(KeyboardInterrupt):
    """A run was asked to stop and has kept what it had."""


@contextmanager
def stopping(wanted: bool = True) -> Iterator[None]:
    """Within the block Ctrl-C sets `STOP`, once; a second one ends the run at once, as ever.

    Off if not `wanted`, in threads, which signals do not reach, and where Ctrl-C is to be ignored.
    """
    usual = signal.getsignal(signal.SIGINT)
    in_thread = threading.current_thread() is not threading.main_thread()
    if not wanted or in_thread or usual in (signal.SIG_IGN, None):
        yield
        return
    pressed = False

    def stop(*_: Any) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, usual)
        STOP.set()
        say("stopping after this step, to keep what is done; Ctrl-C once more ends at once")

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    except Stopped:
        say("stopped; the same run goes on from here")
        raise
    finally:
        signal.signal(signal.SIGINT, usual)
        if pressed:
            STOP.clear()  # who asked has been heard: in a notebook, the next cell may train
    if pressed:
        raise KeyboardInterrupt  # in the last step, after which nobody looked
