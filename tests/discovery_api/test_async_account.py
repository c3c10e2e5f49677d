"""The library for asyncio: the same names, signatures, answers and upstream calls as the synchronous one."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.discovery_api.api import Job, Model, Project, Run, dbtAccount
from gateway.discovery_api.asynchronous import AsyncAccount, AsyncJob, AsyncModel, AsyncProject, AsyncRun
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.discovery_api.exceptions import ClosedError, ModelNotFoundError
from gateway.settings import Settings
from tests.clock import Clock
from tests.serving import UpstreamTap

TWINS = {dbtAccount: AsyncAccount, Project: AsyncProject, Model: AsyncModel, Job: AsyncJob, Run: AsyncRun}
# Made of facts at hand, inside the library; and the services, which are synchronous.
INSIDE = {"of", "in_run", "ranked_list", "ranked_in_run", "base_query"}
# Known to the object itself, beside what its class has.
OWN = {
    dbtAccount: {"client", "filter"},
    Project: {"project_id"},
    Model: {"model_id", "ranked", "model_run"},
    Job: {"job_id", "ranked"},
    Run: {"run_id", "model_run"},
}


def public(cls: type) -> dict[str, Any]:
    return {name: inspect.getattr_static(cls, name) for name in dir(cls) if not name.startswith("_")}


def twin_of(annotation: object) -> str:
    """The annotation with the library's classes replaced by their twins."""
    return re.sub(r"(?<![.\w])(Project|Model|Job|Run)\b", r"Async\1", str(annotation))


@pytest.mark.parametrize(("cls", "twin"), TWINS.items(), ids=lambda cls: cls.__name__)
def test_both_have_the_same_names(cls: type, twin: type) -> None:
    assert public(twin).keys() == public(cls).keys() - INSIDE | OWN[cls]


@pytest.mark.parametrize(("cls", "twin"), TWINS.items(), ids=lambda cls: cls.__name__)
def test_both_have_the_same_signatures(cls: type, twin: type) -> None:
    asynchronous = public(twin)
    for name, member in public(cls).items():
        if name in INSIDE:
            continue
        if isinstance(member, property):
            expected = twin_of(inspect.signature(member.fget).return_annotation)
            known = str(inspect.signature(asynchronous[name].fget).return_annotation)
            assert known in (expected, f"Awaitable[{expected}]"), name
            continue
        assert inspect.iscoroutinefunction(asynchronous[name]) or name == "invalidate", name
        ours, theirs = inspect.signature(asynchronous[name]), inspect.signature(member)
        assert ours.return_annotation == twin_of(theirs.return_annotation), name
        expected_parameters = [
            (parameter.name, parameter.kind, parameter.default, twin_of(parameter.annotation))
            for parameter in theirs.parameters.values()
        ]
        assert [
            (parameter.name, parameter.kind, parameter.default, str(parameter.annotation))
            for parameter in ours.parameters.values()
        ] == expected_parameters, name
    assert inspect.signature(AsyncAccount) == inspect.signature(dbtAccount)


@pytest.fixture
def taps(settings: Settings) -> Iterator[tuple[dbtAccount, AsyncAccount, UpstreamTap, UpstreamTap]]:
    """An account of each kind with cold caches and a tap on what it asks."""
    as_with_dbt = settings.model_copy(update={"history_source": "discovery"})
    ours, theirs = UpstreamTap(), UpstreamTap()
    with dbtAccount(client=Client(ConnectionOptions(as_with_dbt, 300.0, Clock(), theirs.wrap))) as account:
        twin = AsyncAccount(client=Client(ConnectionOptions(as_with_dbt, 300.0, Clock(), ours.wrap)))
        yield account, twin, theirs, ours
        twin.client.close()


@pytest.mark.slow
async def test_both_give_the_same_answers_for_the_same_requests(
    taps: tuple[dbtAccount, AsyncAccount, UpstreamTap, UpstreamTap],
) -> None:
    account, twin, theirs, ours = taps

    slowest = await asyncio.to_thread(account.slowest_models, 3, 5, tags=["daily"])
    twins = await twin.slowest_models(3, 5, tags=["daily"])
    assert [(m.model_id, m.ranked) for m in twins] == [(m.model_id, m.ranked) for m in slowest]
    assert (twins.considered, twins.left_out) == (slowest.considered, slowest.left_out)

    model = await twin.model("finance.rpt_ar_aging")
    jobs, runs = await asyncio.gather(model.get_jobs(), model.get_runs(3))
    expected = await asyncio.to_thread(account.model, "finance.rpt_ar_aging")
    assert [job.job_id for job in jobs] == [job.job_id for job in await asyncio.to_thread(expected.get_jobs)]
    expected_runs = await asyncio.to_thread(expected.get_runs, 3)
    assert [(run.run_id, run.model_run) for run in runs] == [(run.run_id, run.model_run) for run in expected_runs]
    assert await model.description == await asyncio.to_thread(lambda: expected.description)
    assert await runs[0].title == await asyncio.to_thread(lambda: expected_runs[0].title)
    job = await runs[0].job
    assert job.name == "Finance daily"

    frame = await twin.history_frame(last_n_runs=2, tags=["finance"])
    expected_frame = await asyncio.to_thread(account.history_frame, last_n_runs=2, tags=["finance"])
    assert list(frame) == list(expected_frame)

    await asyncio.to_thread(lambda: expected_runs[0].job)
    assert ours.operations == theirs.operations


@pytest.mark.slow
async def test_failures_and_the_end_are_those_of_the_library(demo_store: str) -> None:
    async with AsyncAccount(store_url=demo_store) as account:
        assert repr(account) == "AsyncAccount('production')"
        with pytest.raises(ModelNotFoundError):
            await account.model("finance.nothing")
        project = await account.project("finance")
        assert repr(project) == "AsyncProject('finance')"
        assert (await account.job(name="Finance daily", project=project)).job_id == "301001"
    with pytest.raises(ClosedError):
        await account.get_models()
