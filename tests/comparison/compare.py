"""Asks a gateway all questions about one archive, and compares value by value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from math import isclose
from pathlib import Path
from typing import Any

from tests.comparison.definitions import Definitions
from tests.comparison.questions import Questions
from tests.serving import Gateway


@dataclass
class Comparison:
    """How many values agreed, and where others did not."""

    compared: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: Comparison, way: str = "") -> None:
        self.compared += other.compared
        self.differences += [way + one for one in other.differences]

    def take(self, path: str, expected: Any, answered: Any) -> None:
        for place, wanted, given in leaves(path, expected, answered):
            self.compared += 1
            if not equal(wanted, given):
                self.differences.append(f"{place}: {given!r} where the definitions give {wanted!r}")


def leaves(path: str, expected: Any, answered: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every single value with its place; what has another shape counts as one value."""
    if isinstance(expected, dict) and isinstance(answered, dict):
        for name, value in expected.items():
            yield from leaves(f"{path}.{name}", value, answered.get(name, "(missing)"))
    elif isinstance(expected, list) and isinstance(answered, list):
        yield f"{path}.length", len(expected), len(answered)
        for place, (one, other) in enumerate(zip(expected, answered, strict=False)):
            yield from leaves(f"{path}[{place}]", one, other)
    else:
        yield path, expected, answered


def equal(expected: Any, answered: Any) -> bool:
    """Times agree to the microsecond that floats leave; means to the ninth digit."""
    if isinstance(expected, datetime):
        if not isinstance(answered, str):
            return False
        return abs((datetime.fromisoformat(answered) - expected).total_seconds()) < 0.0011
    if isinstance(expected, float) and isinstance(answered, int | float):
        return isclose(expected, answered, rel_tol=1e-9, abs_tol=1e-9)
    return bool(expected == answered)


async def compare(gateway: Gateway, folder: Path, admin: bool = True) -> Comparison:
    """Asks about production and staging of an archive."""
    definitions, found = Definitions(folder), Comparison()
    for kind in ("production", "staging"):
        if not definitions.projects[kind]:
            continue
        questions = Questions(definitions, kind, admin).account()
        for names in _portions(list(questions)):
            selection = " ".join(f"{name}: {questions[name].selection}" for name in names)
            query = f"{{ account(environment: {kind.upper()}) {{ {selection} }} }}"
            reply = await gateway.ask(query)
            if reply.errors:
                found.compared += 1
                found.differences.append(f"{folder.name} {kind}: {list(reply.errors)[:2]}")
                continue
            for name in names:
                found.take(f"{folder.name} {kind} {name}", questions[name].answer, reply.data["account"][name])
    return found


def _portions(names: list[str], size: int = 12) -> Iterator[list[str]]:
    yield from (names[start : start + size] for start in range(0, len(names), size))
