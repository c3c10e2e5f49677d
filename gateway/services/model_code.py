"""Reading the code of chosen models."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.errors import GatewayError
from gateway.hierarchy.model import ModelCode
from gateway.services.base_query import BaseQuery, Operation, RootLookup
from gateway.services.discovery_types import AppliedModel, Environment
from gateway.services.model_histories import HistoryKey

# Code is heavy: few models a lookup, few lookups a document.
_MODELS_PER_LOOKUP = 50
_LOOKUPS_PER_DOCUMENT = 4

_OPERATION = Operation(
    "ModelCode",
    "fragment Code on ModelAppliedStateNodeConnection { edges { node { uniqueId rawCode compiledCode } } }",
    Environment,
)


async def read_code(query: BaseQuery, keys: Sequence[HistoryKey]) -> dict[HistoryKey, ModelCode | GatewayError]:
    """The code of each model; a model the environment does not hold has neither raw nor compiled code."""
    groups = _groups(keys)
    lookups = [_lookup(n, group) for n, group in enumerate(groups)]
    answers = await query.look_up(_OPERATION, lookups, _LOOKUPS_PER_DOCUMENT)
    found: dict[HistoryKey, ModelCode | GatewayError] = {}
    for n, group in enumerate(groups):
        answer = answers.get(f"e{n}")
        nodes = {} if isinstance(answer, GatewayError) else _nodes(answer)
        for key in group:
            found[key] = answer if isinstance(answer, GatewayError) else _code(nodes.get(key.unique_id))
    return found


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
    text = f"environment(id: $e{n}) {{ applied {{ models({arguments}) {{ ...Code }} }} }}"
    unique_ids = [key.unique_id for key in group]
    return RootLookup(
        f"e{n}", text, {f"e{n}": ("BigInt!", group[0].environment_id), f"u{n}": ("[String!]", unique_ids)}
    )


def _nodes(answer: Environment | None) -> dict[str, AppliedModel]:
    models = answer.applied.models if answer and answer.applied else None
    return {edge.node.unique_id: edge.node for edge in models.edges} if models else {}


def _code(node: AppliedModel | None) -> ModelCode:
    return ModelCode(node.raw_code, node.compiled_code) if node else ModelCode(None, None)
