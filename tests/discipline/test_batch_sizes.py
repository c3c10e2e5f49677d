"""How many lookups go into one document: fewer after dbt found one too complex, and more again with time."""

from __future__ import annotations

import math

from starlette.responses import Response

from gateway.services.batch_sizes import BatchSizes
from tests.clock import Clock
from tests.serving import Call, Gateway
from tests.upstream.faults import errors

TOO_COMPLEX = errors({"message": "too much", "extensions": {"code": "COMPLEXITY_EXCEEDED"}})


def test_a_size_halves_and_grows_back() -> None:
    clock = Clock()
    sizes = BatchSizes(patience=300, clock=clock)
    assert sizes.size("A", 20) == 20
    assert sizes.refused("A", 20) == 10
    assert sizes.refused("A", 10) == 5
    assert (sizes.size("A", 20), sizes.size("A", 3), sizes.size("B", 20)) == (5, 3, 20)
    clock.now += 300
    assert sizes.size("A", 20) == 10
    clock.now += 300
    assert sizes.size("A", 50) == 20
    clock.now += 1e9
    assert sizes.size("A", 50) == 50


def test_a_single_lookup_is_the_smallest_document() -> None:
    assert BatchSizes().refused("A", 1) == 1


QUERY = "{{ account {{ models(first: 40) {{ nodes {{ id runs(first: {}) {{ nodes {{ runtime }} }} }} }} }} }}"


async def test_what_was_learned_spares_the_refusals_of_the_next_question(gateway: Gateway) -> None:
    """dbt accepts ten histories a document."""

    async def fault(call: Call) -> Response | None:
        aliases = call.document.count("modelHistoricalRuns(")
        return TOO_COMPLEX() if aliases > 10 else None

    gateway.upstream.fault = fault
    first = await gateway.data(QUERY.format(2))
    asked = gateway.upstream.operations["ModelHistories"]
    gateway.upstream.calls.clear()
    second = await gateway.data(QUERY.format(7))
    models = len(second["account"]["models"]["nodes"])
    documents = [call.document.count("modelHistoricalRuns(") for call in gateway.upstream.calls]
    assert len(documents) == math.ceil(sum(documents) / 10), "no document is refused any more"
    assert len(documents) < asked
    assert len(first["account"]["models"]["nodes"]) == models
