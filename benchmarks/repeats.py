"""A question asked again and again: the gateway's kept bytes, beside a bare Starlette app with the same bytes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks import lists
from benchmarks.contest import OURS, Contender, Results, Schedule, Target, Work, compete, started
from benchmarks.gateway_process import fake_upstream, gateway
from benchmarks.objects import account_models, as_json
from benchmarks.processes import node, python, running

_COUNTS = (5, 500)


def run(schedule: Schedule) -> Iterator[Results]:
    """A contest for a small answer and a large one, by requests that are the same to the last byte, and by others."""
    models = account_models(lists.SIZE)
    with tempfile.TemporaryDirectory() as place, running(fake_upstream(lists.SIZE)) as upstream:
        rows = Path(place) / "rows.json"
        rows.write_text(json.dumps([as_json(model) for model in models]))
        for count in _COUNTS:
            asked = lists.question(models, count)
            answer = Path(place) / "answer.json"
            answer.write_text(json.dumps({"data": asked.data}, separators=(",", ":")))
            contenders = (
                Contender(OURS, gateway(upstream.port, response_cache=True)),
                Contender(lists.CEILING, python("benchmarks.servers.bare", str(answer))),
                Contender(lists.YOGA_CACHE, node("yoga.mjs", str(rows), "jit", "cache")),
            )
            targets = (Target(lists.CEILING, 1.2), Target(lists.YOGA_CACHE, 5))
            with started(contenders) as servers:
                for numbered in (False, True):
                    kind = ", each request with an id of its own" if numbered else ""
                    question = replace(asked, numbered=numbered)
                    work = Work(f"{count} models x 8 fields, asked again{kind}", question, targets)
                    yield compete(work, contenders, servers, schedule)
