"""Reading the code that models had in chosen runs."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.errors import GatewayError
from gateway.hierarchy.objects.model import CodeInRun
from gateway.services.discovery.base_query import BaseQuery, BatchOperation, RootLookup
from gateway.services.rows.discovery_types import JobCode
from gateway.services.runs.run_nodes import NodeInRun

_CODES_PER_DOCUMENT = 50

_OPERATION = BatchOperation(
    "RunCode", "fragment C on ModelNode { status rawCode compiledCode }", JobCode, nullable=True
)


async def read_codes(query: BaseQuery, keys: Sequence[NodeInRun]) -> dict[NodeInRun, CodeInRun | GatewayError]:
    """The code of each model in its run, fifty in a document."""
    lookups = [_lookup(n, key) for n, key in enumerate(keys)]
    answers = await query.look_up(_OPERATION, lookups, _CODES_PER_DOCUMENT)
    return {key: _code(answers.get(f"c{n}")) for n, key in enumerate(keys)}


def _lookup(n: int, key: NodeInRun) -> RootLookup:
    variables: dict[str, tuple[str, object]] = {
        f"j{n}": ("BigInt!", key.job_id),
        f"r{n}": ("BigInt", key.run_id),
        f"u{n}": ("String!", key.unique_id),
    }
    text = f"job(id: $j{n}, runId: $r{n}) {{ model(uniqueId: $u{n}) {{ ...C }} }}"
    return RootLookup(f"c{n}", text, variables, key.job_id)


def _code(answer: JobCode | GatewayError | None) -> CodeInRun | GatewayError:
    """A job lists every model of its project: what has no status was not touched."""
    if isinstance(answer, GatewayError):
        return answer
    model = answer.model if answer else None
    return CodeInRun(model.raw_code, model.compiled_code) if model and model.status else CodeInRun(None, None)
