"""Writes archives from a seed in which anything may fail: nodes of every type, over several runs of one job.

Left out, each with its reason: checks of sources, which the demo has; on-run-start hooks, which hold everything up, and
functions and unit tests that others stand on, which dbt's API does not list: `tests/schema` holds these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from tests.archive.any_target import Ended, write_run
from tests.archive.small_target import NOON, head, write

RUNS = 6
MESSAGES = (None, "", "table is gone", "\x1b[31mno\x1b[0m rights\r\n  ^^^\nhere", "größe " * 200)
EXPOSURES: tuple[dict[str, Any], ...] = (
    {"type": "dashboard", "url": "https://bi.example/1", "owner": {"name": "Ana", "email": "ana@example.com"}},
    {"type": "ml", "url": None, "owner": {"name": None, "email": "bo@example.com"}},
    {"type": "notebook", "owner": {}},
)


@dataclass(frozen=True)
class WrittenRun:
    """A run's folder, and when it ended: `day` counts up."""

    folder: Path
    day: int


def write_runs(folder: Path, seed: int) -> list[WrittenRun]:
    """The runs of one job of the project `shop`, oldest first."""
    chance = Random(seed)  # noqa: S311  # the same archive for ever, no secret
    nodes = _nodes(chance)
    written = []
    for day in range(RUNS):
        # Models come and go; what stands on one that has gone goes too.
        gone: set[str] = set()
        for one in nodes:
            is_removed = one.unique_id.startswith("model.") and chance.random() < 0.15
            if is_removed or not gone.isdisjoint(one.parents):
                gone.add(one.unique_id)
        kept = [one for one in nodes if one.unique_id not in gone]
        step = folder / f"day-{day}" / "step_1"
        ended = NOON + timedelta(days=day)
        write_run(step, f"i-{seed}-{day}", _ended(kept, chance), ended=ended)
        _describe(step / "manifest.json", chance)
        _catalog(step, kept, chance)
        written.append(WrittenRun(step.parent, day))
    return written


def _nodes(chance: Random) -> list[Ended]:
    seeds = [Ended(f"seed.shop.file_{n}") for n in range(3)]
    built: list[Ended] = list(seeds)
    for n in range(10):
        parents = tuple(one.unique_id for one in chance.sample(built, chance.randint(0, 2)))
        built.append(Ended(f"model.shop.m{n}" if n % 4 else f"model.shop.m{n}.v2", parents=parents))
    tables = built[3:]
    snapshots = [Ended(f"snapshot.shop.s{n}", parents=(tables[n].unique_id,)) for n in range(2)]
    tests = [Ended(f"test.shop.unique_{n}.{n:02}", parents=(one.unique_id,)) for n, one in enumerate(built)]
    others = [
        Ended("unit_test.shop.lonely.adds_up"),
        Ended("function.shop.plus_one"),
        Ended("operation.shop.shop-on-run-end-0"),
    ]
    used = [tuple(one.unique_id for one in chance.sample(tables, 2)) for _ in range(2)]
    exposures = [Ended(f"exposure.shop.board_{n}", None, parents=parents) for n, parents in enumerate(used)]
    return [*built, *snapshots, *tests, *others, *exposures]


def _ended(nodes: list[Ended], chance: Random) -> list[Ended]:
    """How each node ends: what stands on a failure is skipped, mostly."""
    bad: set[str] = set()
    ended = []
    for one in nodes:
        if one.status is None:
            ended.append(one)
            continue
        is_test = one.unique_id.startswith(("test.", "unit_test."))
        fine, failed = ("pass", "fail") if is_test else ("success", "error")
        status = chance.choices([fine, failed, "warn" if is_test else "skipped"], [12, 3, 1])[0]
        if not bad.isdisjoint(one.parents) and chance.random() < 0.9:
            status = "skipped"
        if status in (failed, "skipped") and not is_test:
            bad.add(one.unique_id)
        told = chance.choice(MESSAGES) if status in (failed, "warn") else None
        ended.append(replace(one, status=status, message=told, failures=chance.randint(0, 9) if is_test else None))
    return ended


def _describe(path: Path, chance: Random) -> None:
    manifest = json.loads(path.read_bytes())
    for one in manifest["exposures"].values():
        one |= chance.choice(EXPOSURES)
    write(path, manifest)


def _catalog(step: Path, nodes: list[Ended], chance: Random) -> None:
    tables = [one.unique_id for one in nodes if one.unique_id.startswith(("model.", "seed.", "snapshot."))]
    listed = {name: _table(name, chance) for name in chance.sample(tables, len(tables) // 2)}
    metadata = json.loads((step / "run_results.json").read_bytes())["metadata"]
    about = head("catalog", 1, metadata["invocation_id"], NOON, None) | {"generated_at": metadata["generated_at"]}
    write(step / "catalog.json", {"metadata": about, "nodes": listed, "sources": {}})


def _table(name: str, chance: Random) -> Mapping[str, Any]:
    names = chance.sample(["id", "at", "total", "größe", "Customer Id"], chance.randint(1, 5))
    columns = {one: {"name": one, "index": n, "type": "int", "comment": None} for n, one in enumerate(names, start=1)}
    shuffled = dict(chance.sample(list(columns.items()), len(columns)))
    about = {"type": "TABLE", "schema": "main", "name": name, "database": None, "comment": None, "owner": None}
    return {"metadata": about, "columns": shuffled, "stats": {}, "unique_id": name}
