"""An environment whose documents are too heavy makes its own smaller, and no other's."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.dbt_cloud.account import PRODUCTION
from tests.dbt_cloud.gateways import CloudGateway
from tests.dbt_cloud.stand_in import StandIn


@pytest.mark.slow
async def test_one_heavy_environment(cloud: CloudGateway) -> None:
    """Finance's histories are answered one by one only, growth's two at once."""
    dbt = StandIn(heavy=PRODUCTION)
    query = "query ($n: Int) { account { models { nodes { uniqueId runs(first: $n) { nodes { runtime } } } } } }"
    async with cloud.over(dbt):
        first = await cloud.ask(query, n=1)
        assert not first.errors
        assert max(dbt.histories) == 6
        dbt.histories.clear()
        second = await cloud.ask(query, n=2)
    runs = {one["uniqueId"]: len(one["runs"]["nodes"]) for one in second.data["account"]["models"]["nodes"]}
    assert runs["model.finance.fct_orders"] == 2
    # One document for each of the three models of finance that ran, one of both models of growth; none is refused.
    assert Counter(dbt.histories) == {1: 3, 2: 1}
