"""Two gateways over the demo, one of them without the fast path."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.settings import Settings
from tests.serving import Gateway, serving

_AGE = re.compile(r'"(oldestFact|confirmed)Seconds":[0-9.]+')
_ERROR_ID = re.compile(r"[0-9a-f]{32}")
_UPSTREAM_REQUESTS = re.compile(r'"(upstream|discovery|admin)Requests": ?\d+, ?')
# Whether somebody else's reading is still under way or has just ended decides between a hit and a shared flight.
_FOUND_WHILE_READING = re.compile(r'"cacheHits":\d+,("cacheMisses":[1-9]\d*),"sharedFlights":\d+')


@dataclass
class Pair:
    """Two gateways that differ in the fast path only, asked the same questions in the same order."""

    fast: Gateway
    slow: Gateway

    async def same(self, query: str, **variables: object) -> str:
        """What both answer. Fails when they do not, or ask dbt other questions for it."""
        answers, asked = await self._answers(query, variables)
        assert _ordered(answers[0]) == _ordered(answers[1]), query
        assert asked[0] == asked[1], query
        return answers[0]

    async def same_questions(self, query: str, **variables: object) -> bool:
        """Whether both send the same number of requests. Fails when they differ in anything but that.

        Keys that become known when another answer of dbt arrives share a batch or miss it, by chance. Two gateways may
        then ask for the same keys in more or fewer requests.
        """
        answers, asked = await self._answers(query, variables)
        uncounted = [_UPSTREAM_REQUESTS.sub("", _ordered(answer)) for answer in answers]
        assert uncounted[0] == uncounted[1], query
        assert set(asked[0]) == set(asked[1]), query
        return asked[0] == asked[1]

    async def _answers(self, query: str, variables: dict[str, object]) -> tuple[list[str], list[dict[str, int]]]:
        answers, asked = [], []
        for gateway in (self.fast, self.slow):
            gateway.upstream.calls.clear()
            answers.append(_timeless((await gateway.ask(query, **variables)).text))
            asked.append(gateway.upstream.operations)
        return answers, asked

    async def same_errors(self, query: str, **variables: object) -> None:
        """Fails when their data or errors differ. What shares a batch depends on time: no call is counted."""
        answers = [
            json.loads(_ordered(_timeless((await gateway.ask(query, **variables)).text)))
            for gateway in (self.fast, self.slow)
        ]
        for answer in answers:
            answer.pop("extensions", None)
        assert answers[0] == answers[1], query


def _ordered(text: str) -> str:
    """The text with its errors in an order of their own: fields that fail side by side fail in any order."""
    answer = json.loads(text)
    if "errors" not in answer:
        return text
    return json.dumps({**answer, "errors": sorted(answer["errors"], key=json.dumps)})


def _timeless(text: str) -> str:
    return _FOUND_WHILE_READING.sub(r"\1", _ERROR_ID.sub("", _AGE.sub('"age":0', text)))


@asynccontextmanager
async def lasting_pair(store: str, **settings: object) -> AsyncIterator[Pair]:
    """A pair over a stored demo. Facts stay what they are for as long as a test takes, or one of the two might ask
    again before the other."""
    lasting = {
        "store_url": store,
        "revision_interval": 3_600.0,
        "topology_seconds": 3_600.0,
        "request_seconds": 300.0,
        **settings,
    }
    async with serving(Settings(**lasting)) as fast, serving(Settings(**lasting, fast_path=False)) as slow:
        yield Pair(fast, slow)
