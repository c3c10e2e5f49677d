"""Asking generated and mutated queries of the real application, and what was found wrong with its answers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import parse

from tests.generated.conformance import faults_of_answer, faults_of_coordinates, faults_of_errors
from tests.generated.cursors import Cursors
from tests.generated.demo import SCHEMA_FILE, demo_values, read_schema, read_schema_of_oracle
from tests.generated.mutations import Mutator
from tests.generated.queries import QueryGenerator
from tests.oracle.account import Oracle
from tests.oracle.criteria import Cursor
from tests.oracle.hierarchy import Hierarchy
from tests.oracle.interpreter import Interpreter
from tests.serving import Gateway


@dataclass
class Findings:
    """What came of a campaign: how many queries had which status, which codes errors had, every fault, and
    how many queries began or ended at a cursor of an earlier answer."""

    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    turned: int = 0

    def __str__(self) -> str:
        statuses = ", ".join(f"{count} × {status}" for status, count in sorted(self.statuses.items()))
        codes = ", ".join(f"{count} × {code}" for code, count in self.codes.most_common())
        asked = f"{self.statuses.total()} queries, {self.turned} from cursors: {statuses}"
        return f"{asked}; errors: {codes or 'none'}; {len(self.faults)} faults"


class Campaign:
    """Queries from one seed, over the demo account."""

    def __init__(self, gateway: Gateway, oracle: Oracle, seed: int) -> None:
        self._gateway = gateway
        self._schema = read_schema()
        self._generator = QueryGenerator(seed, read_schema_of_oracle(), demo_values(oracle))
        self._mutator = Mutator(seed)
        sdl = SCHEMA_FILE.read_text("utf-8")
        hierarchy = Hierarchy(oracle, sdl)
        self._interpreter = Interpreter(self._schema, hierarchy)
        self._cursors = Cursors(self._schema, self._interpreter, hierarchy.cursors, seed)
        self._last: tuple[str, Mapping[str, Any]] | None = None

    async def ask_valid(self, count: int) -> Findings:
        """Valid queries: each answer is as the schema has it and equal to what the interpreter makes of the files."""
        findings = Findings()
        for _ in range(count):
            await self.compare(findings, *self._query(findings))
        return findings

    async def compare(self, findings: Findings, document: str, variables: Mapping[str, Any]) -> None:
        """Asks one valid query and notes what is wrong with its answer."""
        status, answer = await self._ask(findings, document, variables)
        faults = faults_of_answer(self._schema, parse(document), variables, answer)
        if status != 200:
            faults.append(f"status {status}")
        expected = self._interpreter.answer(document, variables)
        codes = {
            ".".join(map(str, error.get("path", ()))): error["extensions"]["code"] for error in answer.get("errors", ())
        }
        if codes != expected.codes:
            faults.append(f"errors {codes} instead of {expected.codes}")
        faults += differences(answer.get("data"), expected.data, "")
        faults += self._cursors.learn(answer.get("data"), expected.data)
        self._note(findings, faults, document, variables)

    async def ask_mutated(self, count: int) -> Findings:
        """Mutated queries: never a server error, always coded errors, and what is executed is as the schema has it."""
        findings = Findings()
        for _ in range(count):
            document, variables = self._mutator.mutate(*self._query(findings))
            status, answer = await self._ask(findings, document, variables)
            if "data" in answer:
                faults = faults_of_answer(self._schema, parse(document), variables, answer)
            else:
                faults = list(faults_of_errors(answer.get("errors")))
                faults += faults_of_coordinates(self._schema, answer["errors"])
                faults += ["more than five errors"] if len(answer["errors"]) > 5 else []
            if status not in (200, 400):
                faults.append(f"status {status}")
            self._note(findings, faults, document, variables)
        return findings

    def _query(self, findings: Findings) -> tuple[str, Mapping[str, Any]]:
        """The next one: the last with a cursor in it, as long as there is one for it; else one nobody asked yet."""
        turned = self._cursors.turned(*self._last) if self._last else None
        if turned is not None and self._last is not None:
            findings.turned += 1
            query, self._last = (turned, self._last[1]), None
        else:
            query = self._last = self._generator.query()
        return query

    async def _ask(self, findings: Findings, document: str, variables: Any) -> tuple[int, Any]:
        response = await self._gateway.client.post("/graphql", json={"query": document, "variables": variables})
        answer = response.json()
        findings.statuses[response.status_code] += 1
        findings.codes.update({error["extensions"]["code"] for error in answer.get("errors", ())})
        return response.status_code, answer

    @staticmethod
    def _note(findings: Findings, faults: list[str], document: str, variables: Any) -> None:
        if faults:
            findings.faults.append("\n".join([document, str(variables), *faults[:3]]))


def differences(found: Any, expected: Any, path: str) -> Iterator[str]:
    """Where two answers differ. Numbers may differ in the last digits: means are summed in another order.
    Cursors are compared where they are learned."""
    if isinstance(found, dict) and isinstance(expected, dict) and list(found) == list(expected):
        for key, value in found.items():
            yield from differences(value, expected[key], f"{path}.{key}")
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for place, pair in enumerate(zip(found, expected, strict=True)):
            yield from differences(*pair, f"{path}.{place}")
    elif isinstance(expected, Cursor):
        return
    elif not _equal(found, expected):
        yield f"{path}: {str(found)[:200]} instead of {str(expected)[:200]}"


def _equal(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, int | float) and not isinstance(found, bool):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12)
    return type(found) is type(expected) and bool(found == expected)
