"""Keeps a command of this package running beside a server."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

from gateway.settings.settings import environment_variables

_RESTART_SECONDS = 10.0
_END_SECONDS = 10.0

log = logging.getLogger(__name__)


class ProcessKeeper:
    """Starts the process, and starts it again should it end by itself."""

    def __init__(self, work: str, command: Sequence[str], variables: Mapping[str, str]) -> None:
        self._work = work
        self._command = command
        self._variables = variables
        self._stopping = threading.Event()
        self._process = self._start()
        self._thread = threading.Thread(target=self._keep, name=f"keeper: {self._work}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the process; a run that it is storing is stored whole or not at all."""
        self._stopping.set()
        process = self._process
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        self._thread.join()

    def _start(self) -> subprocess.Popen[bytes]:
        # Standard input is held open: the process ends when we do.
        return subprocess.Popen(  # noqa: S603  # this interpreter and this package
            [sys.executable, "-P", "-m", "gateway", *self._command, "--until-stdin-closes"],
            env={**environment_variables(), **self._variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _keep(self) -> None:
        while True:
            code = self._process.wait()
            if self._process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    self._process.stdin.close()
            if self._stopping.is_set():
                return
            log.error("%s ended with code %s; it is started again in %.0f s.", self._work, code, _RESTART_SECONDS)
            if self._stopping.wait(_RESTART_SECONDS):
                return
            self._process = self._start()
            if self._stopping.is_set():
                self._process.terminate()
