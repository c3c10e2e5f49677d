"""The code that models had in chosen runs, against the artifacts of those runs."""

from __future__ import annotations

import pytest

from gateway.settings import Settings
from tests.history.statements import noted_statements
from tests.oracle.account import Oracle
from tests.serving import Gateway, serving

RUNS = (70437490011508, 70437490007672, 70437490011645)
"""Finance's newest daily run, its last success before, and marketing's newest."""
QUESTION = "query ($run: ID!) { account { models(first: 100) { nodes { id codeInRun(runId: $run) {%s} } } } }"


@pytest.mark.parametrize("run_id", RUNS)
async def test_the_code_in_a_run_is_that_of_its_manifest_and_its_results(
    answers: Gateway, oracle: Oracle, run_id: int
) -> None:
    data = await answers.data(QUESTION % "rawCode compiledCode", run=str(run_id))
    results = oracle.run(run_id).results
    environment = oracle.run(run_id).record["environment_id"]
    expected = {}
    for model in oracle.models:
        result = results.get(model.unique_id) if model.environment_id == environment else None
        expected[model.id] = {
            "rawCode": result.node.raw_code if result else None,
            "compiledCode": result.compiled if result else None,
        }
    assert {node["id"]: node["codeInRun"] for node in data["account"]["models"]["nodes"]} == expected
    assert any(code["rawCode"] != code["compiledCode"] for code in expected.values())


@pytest.mark.slow
async def test_all_models_of_a_run_are_read_together(settings: Settings) -> None:
    for source, documents, statements in (("archive", 0, 1), ("discovery", 1, 0)):
        async with serving(settings.model_copy(update={"history_source": source})) as gateway:
            await gateway.data("{ account { models(first: 100) { nodes { id } } } }")
            gateway.upstream.calls.clear()
            with noted_statements() as noted:
                answer = await gateway.data(QUESTION % "rawCode", run=str(RUNS[0]))
            assert len(answer["account"]["models"]["nodes"]) == 52
            assert sum(call.operation == "RunCode" for call in gateway.upstream.calls) == documents
            assert len([text for text in noted if "compiled_id" in text]) == statements


async def test_the_code_in_an_unknown_run_is_an_error_that_says_where_runs_are_listed(gateway: Gateway) -> None:
    query = '{ model(id: "finance.fct_invoices") { id codeInRun(runId: "%s") { rawCode } } }'
    for run, code in (("4711", "NOT_FOUND"), ("one", "BAD_USER_INPUT")):
        reply = await gateway.ask(query % run)
        assert reply.data["model"] == {"id": "finance.fct_invoices", "codeInRun": None}
        assert [error["extensions"]["code"] for error in reply.errors] == [code]
