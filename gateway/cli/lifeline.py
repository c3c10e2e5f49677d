"""Ends a process that another one has started when that one ends."""

from __future__ import annotations

import os
import signal
import sys
import threading


def end_with_starter() -> None:
    """From now on this process ends when its standard input is closed."""
    threading.Thread(target=_wait, name="lifeline", daemon=True).start()


def _wait() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
