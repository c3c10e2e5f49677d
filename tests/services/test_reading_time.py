"""How long one reading of facts may take: as long as a request, where those may take long, and never less than others
need who wait for it too."""

from __future__ import annotations

import pytest

from gateway.discovery_api.api import dbtAccount
from gateway.settings import Settings
from tests.serving import serving

LEAST = 30.0


@pytest.mark.parametrize(("request_seconds", "reading_seconds"), [(1.0, LEAST), (30.0, LEAST), (90.0, 90.0)])
async def test_a_reading_has_the_time_of_a_request(
    demo_store: str, request_seconds: float, reading_seconds: float
) -> None:
    async with serving(Settings(store_url=demo_store, request_seconds=request_seconds)) as gateway:
        assert gateway.services.tiers.flight_seconds == reading_seconds


@pytest.mark.slow
@pytest.mark.parametrize(("timeout", "reading_seconds"), [(1.0, LEAST), (90.0, 90.0)])
def test_a_reading_has_the_time_of_a_question_of_the_library(
    demo_store: str, timeout: float, reading_seconds: float
) -> None:
    with dbtAccount(store_url=demo_store, timeout=timeout) as account:
        assert len(account.get_projects()) == 4
        opened = account.client._connection._opened
        assert opened is not None
        assert opened.services.tiers.flight_seconds == reading_seconds
