"""A short day of dashboards: how many requests to dbt it takes, counted where they arrive; the whole day is a command
(tests.freshness.day) whose figures stand in docs/upstream-requests.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.freshness.day import EVERY, Plan, simulate


@pytest.mark.slow
@pytest.mark.parametrize("webhooks", [pytest.param(False, marks=pytest.mark.nightly), True])
async def test_dashboards_cost_what_changes_and_not_what_is_looked_at(tmp_path: Path, webhooks: bool) -> None:
    plan = Plan(projects=4, hours=0.4, opened=(0.1, 0.4), between_runs=120, webhooks=webhooks)
    day = await simulate(plan, tmp_path)

    looks = 0.3 * 3600 / EVERY * 4 + 0.4 * 3600 / EVERY
    assert day.answers == pytest.approx(looks, abs=5)
    assert day.finished == 12
    # All environments are checked in one request each interval, which a look in between may bring forward; of each
    # finished run come its project's models, histories and what it built. After a webhook an environment is checked
    # every 5 s until dbt has taken in the run.
    checks = 2 * day.plan.hours * 3600 / EVERY
    after_webhooks = day.finished * (20 / 5 + 2) if webhooks else 0
    cold = 12
    assert len(day.discovery) <= checks + after_webhooks + 5 * day.finished + cold
    assert len(day.discovery) < day.answers, "most answers are free"
    # Lists of projects, environments and jobs every minute, runs every 30 s, and again after each webhook.
    per_list = day.plan.hours * 60
    assert len(day.admin) <= 3 * per_list + 2 * 2 * per_list + (8 * day.finished if webhooks else 0) + cold
    # What a run changed shows at the next look after the next check; with webhooks the checks are 5 s apart.
    assert len(day.lags) >= 6
    assert max(day.lags) <= (5 if webhooks else EVERY) + 2 * EVERY
