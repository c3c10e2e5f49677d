"""The mirror beside a gateway that serves: a process of its own, so that reading artifacts holds up no caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.cli.process_keeper import ProcessKeeper
from gateway.errors import ConfigurationError
from gateway.settings import Settings


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
            "serve --mirror copies dbt Cloud's runs into an archive: set GATEWAY_ARCHIVE_URL, and what dbt "
            "Cloud needs (GATEWAY_DISCOVERY_URL, GATEWAY_ADMIN_URL, GATEWAY_ACCOUNT_ID, GATEWAY_SERVICE_TOKEN)."
        )
    command = ("mirror", "--watch", str(max(1, round(settings.mirror_interval))))
    keeper = ProcessKeeper("The mirror", command, {})
    try:
        yield settings.beside_mirror()
    finally:
        keeper.stop()
