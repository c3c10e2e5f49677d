"""The mirror beside a gateway that serves: a process of its own, so that reading artifacts holds up no caller."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.errors import ConfigurationError
from gateway.settings import Settings

_RESTART_SECONDS = 10.0
_END_SECONDS = 10.0

log = logging.getLogger(__name__)


@contextmanager
def mirror_process(settings: Settings, *, is_wanted: bool) -> Iterator[Settings]:
    """Mirrors while the block runs, if `is_wanted`; yields the settings with what is left of dbt's limits.

    The process has the settings of this one's environment, and ends with it. Raises ConfigurationError where there is
    no archive to mirror into.
    """
    if not is_wanted:
        yield settings
        return
    if settings.archive_url is None or not settings.uses_dbt_cloud:
        raise ConfigurationError(
            "serve --mirror brings dbt Cloud's runs into the archive beside it: set GATEWAY_ARCHIVE_URL, and what dbt "
            "Cloud needs (GATEWAY_DISCOVERY_URL, GATEWAY_ADMIN_URL, GATEWAY_ACCOUNT_ID, GATEWAY_SERVICE_TOKEN)."
        )
    keeper = _MirrorKeeper(settings.mirror_interval)
    try:
        yield settings.beside_mirror()
    finally:
        keeper.stop()


class _MirrorKeeper:
    """Starts the process, and starts it again should it end by itself."""

    def __init__(self, interval: float) -> None:
        self._interval = max(1, round(interval))
        self._stopping = threading.Event()
        self._process = self._start()
        self._thread = threading.Thread(target=self._keep, name="mirror keeper", daemon=True)
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
        command = ["-m", "gateway", "mirror", "--watch", str(self._interval), "--until-stdin-closes"]
        # Standard input is held open: the process ends when we do.
        return subprocess.Popen(  # noqa: S603  # this interpreter and this package
            [sys.executable, "-P", *command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
        )

    def _keep(self) -> None:
        while True:
            code = self._process.wait()
            if self._process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    self._process.stdin.close()
            if self._stopping.is_set():
                return
            log.error("The mirror ended with code %s; it is started again in %.0f s.", code, _RESTART_SECONDS)
            if self._stopping.wait(_RESTART_SECONDS):
                return
            self._process = self._start()
            if self._stopping.is_set():
                self._process.terminate()
