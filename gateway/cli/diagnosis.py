"""`gateway doctor`: asks dbt Cloud what it answers, and prints it."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from gateway.cli.terminal import say
from gateway.doctor.examination import examine
from gateway.doctor.report import DoctorReport
from gateway.errors import ConfigurationError
from gateway.settings import Settings, load_settings
from gateway.wiring.upstream import open_upstream


def diagnose(options: argparse.Namespace) -> int:
    """0 where everything works, 1 where something is missing. Raises ConfigurationError for local runs."""
    settings = load_settings({})
    if not settings.uses_dbt_cloud or settings.service_token is None:
        raise ConfigurationError(
            "gateway doctor asks dbt Cloud: set GATEWAY_DISCOVERY_URL, GATEWAY_ADMIN_URL, GATEWAY_ACCOUNT_ID and "
            "GATEWAY_SERVICE_TOKEN. It is not needed for local runs: gateway serve reports what it could not read."
        )
    report = asyncio.run(_examine(settings))
    secret = settings.service_token.get_secret_value()
    if options.json:
        text = json.dumps(report.as_json(), indent=2, ensure_ascii=False)
        sys.stdout.write(f"{_without(secret, text)}\n")
    else:
        for line in report.lines():
            say(_without(secret, line))
    return 0 if report.works else 1


def _without(secret: str, text: str) -> str:
    return text.replace(secret, "[secret]") if secret else text


async def _examine(settings: Settings) -> DoctorReport:
    # Opening an archive brings it up to date, and a doctor changes nothing.
    async with open_upstream(settings.model_copy(update={"archive_url": None})) as upstream:
        return await examine(upstream)
