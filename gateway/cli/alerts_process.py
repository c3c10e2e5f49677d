"""Alerts beside a gateway that serves: a process of its own, so that looking for incidents holds up no caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.cli.process_keeper import ProcessKeeper
from gateway.errors import ConfigurationError
from gateway.settings import Settings


@contextmanager
def alerts_process(settings: Settings, *, has_archive: bool) -> Iterator[None]:
    """Sends alerts while the block runs, if the settings ask for it. The process ends with this one.

    `has_archive`: whether what is served stays. Raises ConfigurationError where nothing would remember what was sent,
    and where there is no rule.
    """
    if not settings.serve_alerts:
        yield
        return
    if not has_archive:
        raise ConfigurationError(
            "serve_alerts needs an archive that remembers what was sent: serve one with --store, or set "
            "GATEWAY_ARCHIVE_URL with dbt Cloud."
        )
    if not settings.alerts.rules:
        raise ConfigurationError("serve_alerts is set, but [alerts] has no rules (docs/alerts.md has an example).")
    # In the environment, and not among the arguments, which other users of the machine see: it may hold a password.
    variables = {} if settings.uses_dbt_cloud else {"GATEWAY_STORE_URL": str(settings.store_url)}
    keeper = ProcessKeeper("Sending alerts", ("alerts", "--watch"), variables)
    try:
        yield
    finally:
        keeper.stop()
