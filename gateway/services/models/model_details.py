"""Reading what is heavy about chosen models: their code, their tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.errors import GatewayError
from gateway.hierarchy.measures.durations import seconds_or_none
from gateway.hierarchy.objects.model import ModelDetails, ModelTest
from gateway.hierarchy.vocabulary.status import status_of_word
from gateway.services.discovery.base_query import BaseQuery, BatchOperation, RootLookup
from gateway.services.rows.discovery_types import AppliedTest, DetailedModel, PagedEnvironment
from gateway.services.rows.mapping import time_or_none, whole_or_none
from gateway.services.runs.model_histories import HistoryKey

# Code and tests are heavy: few models a lookup, few lookups a document.
_MODELS_PER_LOOKUP = 50
_LOOKUPS_PER_DOCUMENT = 4

_TESTS = """tests {
  uniqueId name columnName testType
  executionInfo { lastRunStatus lastRunError lastRunFailures lastRunGeneratedAt executionTime }
}"""

DETAIL_FIELDS: Mapping[str, str] = {"rawCode": "rawCode", "compiledCode": "compiledCode", "tests": _TESTS}
"""The details there are, by the name a caller selects them with, and what is selected upstream for them."""


async def read_details(
    query: BaseQuery, keys: Sequence[HistoryKey], fields: frozenset[str]
) -> dict[HistoryKey, ModelDetails | GatewayError]:
    """Those details of each model that are in `fields`; a model the environment does not hold has none."""
    groups = _groups(keys)
    lookups = [_lookup(n, group) for n, group in enumerate(groups)]
    answers = await query.look_up(_operation(fields), lookups, _LOOKUPS_PER_DOCUMENT)
    details: dict[HistoryKey, ModelDetails | GatewayError] = {}
    for n, group in enumerate(groups):
        answer = answers.get(f"e{n}")
        nodes = {} if isinstance(answer, GatewayError) else _nodes(answer)
        for key in group:
            details[key] = answer if isinstance(answer, GatewayError) else _details(nodes.get(key.unique_id))
    return details


def _operation(fields: frozenset[str]) -> BatchOperation[PagedEnvironment[DetailedModel]]:
    selection = " ".join(DETAIL_FIELDS[name] for name in sorted(fields & DETAIL_FIELDS.keys()))
    fragment = f"fragment Details on ModelAppliedStateNodeConnection {{ edges {{ node {{ uniqueId {selection} }} }} }}"
    return BatchOperation("ModelDetails", fragment, PagedEnvironment[DetailedModel])


def _groups(keys: Sequence[HistoryKey]) -> list[list[HistoryKey]]:
    by_environment: dict[int, list[HistoryKey]] = {}
    for key in dict.fromkeys(keys):
        by_environment.setdefault(key.environment_id, []).append(key)
    return [
        group[start : start + _MODELS_PER_LOOKUP]
        for group in by_environment.values()
        for start in range(0, len(group), _MODELS_PER_LOOKUP)
    ]


def _lookup(n: int, group: Sequence[HistoryKey]) -> RootLookup:
    arguments = f"first: {_MODELS_PER_LOOKUP}, filter: {{ uniqueIds: $u{n} }}"
    text = f"environment(id: $e{n}) {{ applied {{ models({arguments}) {{ ...Details }} }} }}"
    unique_ids = [key.unique_id for key in group]
    return RootLookup(
        f"e{n}",
        text,
        {f"e{n}": ("BigInt!", group[0].environment_id), f"u{n}": ("[String!]", unique_ids)},
        group[0].environment_id,
    )


def _nodes(answer: PagedEnvironment[DetailedModel] | None) -> dict[str, DetailedModel]:
    models = answer.applied.models if answer and answer.applied else None
    return {edge.node.unique_id: edge.node for edge in models.edges} if models else {}


def _details(node: DetailedModel | None) -> ModelDetails:
    if node is None:
        return ModelDetails(None, None, ())
    tests = sorted(map(_test, node.tests), key=lambda test: test.unique_id)
    return ModelDetails(node.raw_code, node.compiled_code, tuple(tests))


def _test(node: AppliedTest) -> ModelTest:
    info = node.execution_info
    status = status_of_word(info.last_run_status) if info.last_run_status else None
    return ModelTest(
        unique_id=node.unique_id,
        name=node.name or node.unique_id,
        column_name=node.column_name,
        kind=node.test_type,
        status=status,
        status_text=info.last_run_status,
        error=info.last_run_error,
        failures=whole_or_none(info.last_run_failures),
        last_run_time=time_or_none(info.last_run_generated_at),
        runtime=seconds_or_none(info.execution_time),
    )
