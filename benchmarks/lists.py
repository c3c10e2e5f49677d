"""Lists from memory: N models with eight fields, by the gateway from warm facts and by others over the same objects."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.contest import OURS, Contender, Results, Schedule, Target, Work, compete, started
from benchmarks.gateway_process import fake_upstream, gateway
from benchmarks.load import Question
from benchmarks.objects import FIELDS, Model, Size, account_models, as_json
from benchmarks.processes import node, python, running

SIZE = Size(projects=5, models=1000)
CEILING, STRAWBERRY, ARIADNE = "bare Starlette", "Strawberry, stock", "Ariadne"
MERCURIUS, YOGA, YOGA_JIT, APOLLO = "mercurius + JIT", "yoga", "yoga + JIT", "Apollo Server"
YOGA_CACHE = "yoga + JIT + response cache"

_TARGETS = {
    5_000: (Target(STRAWBERRY, 25), Target(MERCURIUS, 1.5)),
    500: (Target(STRAWBERRY, 20), Target(MERCURIUS, 1.2)),
    5: (Target(STRAWBERRY, 15), Target(MERCURIUS, 0.7), Target(YOGA_JIT, 3)),
}


def question(models: Sequence[Model], count: int) -> Question:
    """The first `count` models with eight fields, and what they are."""
    query = f"{{ account {{ models(first: {count}) {{ nodes {{ {' '.join(FIELDS)} }} }} }} }}"
    return Question(query, {"account": {"models": {"nodes": [as_json(model) for model in models[:count]]}}})


def run(schedule: Schedule, counts: Sequence[int] = (5_000, 500, 5), *, numbered: bool = False) -> Iterator[Results]:
    """A contest for each length of list. `numbered`: no two requests are the same to the last byte."""
    models = account_models(SIZE)
    with tempfile.TemporaryDirectory() as place, running(fake_upstream(SIZE)) as upstream:
        rows = _write(Path(place) / "rows.json", [as_json(model) for model in models])
        size = (str(SIZE.projects), str(SIZE.models))
        others = (
            Contender(OURS, gateway(upstream.port)),
            Contender(STRAWBERRY, python("benchmarks.servers.stock_strawberry", *size)),
            Contender(ARIADNE, python("benchmarks.servers.stock_ariadne", *size)),
            Contender(YOGA, node("yoga.mjs", rows)),
            Contender(YOGA_JIT, node("yoga.mjs", rows, "jit")),
            Contender(MERCURIUS, node("mercurius.mjs", rows)),
            Contender(APOLLO, node("apollo.mjs", rows), "/"),
        )
        for count in counts:
            asked = replace(question(models, count), numbered=numbered)
            answer = _write(Path(place) / "answer.json", {"data": asked.data})
            contenders = (*others, Contender(CEILING, python("benchmarks.servers.bare", answer)))
            with started(contenders) as servers:
                kind = ", each request with an id of its own" if numbered else ""
                name = f"{count:,} models x 8 fields, from warm facts{kind}"
                work = Work(name, asked, _TARGETS[count])
                yield compete(work, contenders, servers, schedule)


def _write(file: Path, content: Any) -> str:
    file.write_text(json.dumps(content, separators=(",", ":")))
    return str(file)
