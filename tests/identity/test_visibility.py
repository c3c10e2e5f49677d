"""What a caller may not see does not exist for him: he is answered as if the account held nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import Settings
from tests.conftest import stored
from tests.generated.demo import demo_values, read_schema, read_schema_of_oracle
from tests.generated.queries import QueryGenerator
from tests.identity.callers import Holder, comparable, known_to, reduced
from tests.oracle.account import Oracle
from tests.repetitions import daily_and_nightly
from tests.serving import Gateway, serving

FINANCE, STAGING, MARKETING, LOGISTICS = 201001, 201002, 202001, 203001
EVERYTHING = Holder("everything")
NOBODY = Holder("nobody", ("somewhere_else",))
# Each with the environments that are left of the account.
SEEING: Sequence[tuple[Holder, Sequence[int]]] = (
    (Holder("finance", ("finance",)), (FINANCE, STAGING)),
    (Holder("others", ("marketing", "logistics")), (MARKETING, LOGISTICS)),
    (Holder("production", ("finance", "marketing"), (FINANCE, MARKETING)), (FINANCE, MARKETING)),
    (Holder("staging", ("*",), (STAGING,)), (STAGING,)),
    (Holder("both_must_allow", ("finance",), (MARKETING, STAGING)), (STAGING,)),
)
HOLDERS = [holder for holder, _ in SEEING]


@pytest.fixture(scope="module")
async def whole(settings: Settings) -> AsyncIterator[Gateway]:
    """One gateway that knows all these callers; they share its facts."""
    async with serving(known_to(settings, EVERYTHING, NOBODY, *HOLDERS)) as opened:
        yield opened


class Parts:
    """Gateways over what a caller may see, and nothing else; made when they are first asked for."""

    def __init__(self, demo: Path, place: Path, stack: AsyncExitStack) -> None:
        self._demo = demo
        self._place = place
        self._stack = stack
        self._opened: dict[Sequence[int], Gateway] = {}

    async def of(self, holder: Holder) -> Gateway:
        """A gateway over the environments that this caller may see."""
        environments = dict(SEEING)[holder]
        if environments not in self._opened:
            folder = reduced(self._demo, self._place / holder.name / "runs", environments)
            store = stored(folder, self._place / holder.name)
            self._opened[environments] = await self._stack.enter_async_context(serving(Settings(store_url=store)))
        return self._opened[environments]


@pytest.fixture(scope="module")
async def parts(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Parts]:
    async with AsyncExitStack() as stack:
        yield Parts(demo_folder, tmp_path_factory.mktemp("parts"), stack)


@pytest.mark.slow
@pytest.mark.parametrize("count", daily_and_nightly(8, 40))
@pytest.mark.parametrize(
    "holder",
    [
        # Reading two projects takes 4 s: "others" may see two as well.
        pytest.param(holder, id=holder.name, marks=pytest.mark.nightly if holder.name == "production" else ())
        for holder in HOLDERS
    ],
)
async def test_a_caller_is_answered_as_if_there_were_nothing_else(
    holder: Holder, whole: Gateway, parts: Parts, oracle: Oracle, count: int
) -> None:
    generator = QueryGenerator(len(holder.name), read_schema(), with_guesses(oracle))
    part = await parts.of(holder)
    for _ in range(count):
        query, variables = generator.query()
        seen = comparable(await holder.ask(whole, query, **variables))
        assert seen == comparable(await part.ask(query, **variables)), query


def with_guesses(oracle: Oracle) -> Mapping[str, Sequence[Any]]:
    """Ids of the whole account, hidden ones among them, and some that nearly are."""
    values = dict(demo_values(oracle))
    models, jobs = values["Query.model(id)"], values["Query.job(id)"]
    values["Query.model(id)"] = [*models, *(f"{one}x" for one in models), *(one.partition(".")[2] for one in models)]
    values["Query.model(environment)"] = values["Query.project(environment)"] = ["PRODUCTION", "STAGING"]
    values["Query.job(id)"] = [*jobs, *(str(int(one) + 1) for one in jobs)]
    return values


@pytest.mark.slow
async def test_who_sees_nothing_finds_an_empty_account(whole: Gateway) -> None:
    query = """{ account { projects { totalCount } models { totalCount } jobs { totalCount } runs { totalCount }
        slowestModels { rank } longestRunningJobs { rank } } job(id: "301001") { id } project(id: "finance") { id } }"""
    reply = await NOBODY.ask(whole, query)
    none = {"totalCount": 0}
    empty = {"projects": none, "models": none, "jobs": none, "runs": none}
    assert reply.data["account"] == {**empty, "slowestModels": [], "longestRunningJobs": []}
    assert reply.data["job"] is reply.data["project"] is None
    assert {error["extensions"]["code"] for error in reply.errors} == {"NOT_FOUND"}
    assert all("at all" in error["message"] for error in reply.errors)


@pytest.mark.slow
async def test_who_sees_everything_sees_what_an_open_gateway_shows(
    whole: Gateway, warm_gateway: Gateway, oracle: Oracle
) -> None:
    generator = QueryGenerator(3, read_schema_of_oracle(), demo_values(oracle))
    for _ in range(20):
        query, variables = generator.query()
        shown = comparable(await warm_gateway.ask(query, **variables))
        assert comparable(await EVERYTHING.ask(whole, query, **variables)) == shown, query


@pytest.mark.slow
async def test_nothing_hidden_is_fetched(settings: Settings) -> None:
    holder = Holder("finance", ("finance",))
    query = (
        "{ account { models(first: 3) { nodes { id jobs { nodes { id } } } } slowestModels(lastRuns: 5) { rank } } }"
    )
    async with serving(known_to(settings, holder)) as gateway:
        reply = await holder.ask(gateway, query)
    assert reply.errors == []
    asked = [call for call in gateway.upstream.calls if call.operation != "EnvironmentHeaders"]
    assert not {MARKETING, LOGISTICS} & {value for call in asked for value in call.variables.values()}
    assert all("30200" not in str(call.query) for call in asked)


@pytest.mark.slow
async def test_newest_runs_are_the_newest_visible_ones(settings: Settings) -> None:
    """Only visible environments are listed: busy hidden projects push nothing out of what is looked at."""
    holder = Holder("finance", ("finance",))
    async with serving(known_to(settings, holder)) as gateway:
        reply = await holder.ask(gateway, "{ account { runs(first: 3) { totalCount nodes { id } } } }")
        listed = [call.query for call in gateway.upstream.calls if call.operation.startswith("runs")]
    assert len(reply.data["account"]["runs"]["nodes"]) == 3
    assert {query["environment_id"] for query in listed} == {str(FINANCE), str(STAGING)}


@pytest.mark.slow
async def test_counts_do_not_show_what_else_there_is(settings: Settings) -> None:
    """A run that is hidden costs what one costs that does not exist, however often it is asked for."""
    holder = Holder("finance", ("finance",))
    query = "query ($id: ID!) { run(id: $id) { id } }"
    hidden = "70437490000274"
    async with serving(known_to(settings, EVERYTHING, holder)) as gateway:
        run = (await EVERYTHING.ask(gateway, '{ project(id: "marketing") { runs(first: 1) { nodes { id } } } }')).data
        hidden = run["project"]["runs"]["nodes"][0]["id"]
        told = []
        for run_id in ("12345", hidden, hidden, "12345", hidden):
            reply = await holder.ask(gateway, query, id=run_id)
            assert reply.data == {"run": None}
            message = reply.errors[0]["message"].replace(run_id, "ID")
            counts = {name: count for name, count in reply.gateway.items() if not name.endswith("Seconds")}
            told.append((message, counts))
    assert all(one == told[1] for one in told[1:])
    assert told[0][0] == told[1][0]
