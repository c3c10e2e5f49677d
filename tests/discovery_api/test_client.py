"""How the library behaves: when it asks, what it remembers, where it can be used, how it ends."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.responses import Response

from gateway.discovery_api.api import Job, dbtAccount
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.discovery_api.exceptions import ClosedError, UpstreamTimeoutError
from gateway.discovery_api.services import JobService
from gateway.settings import Settings
from tests.discovery_api.conftest import TTL, Tapped
from tests.serving import Call, UpstreamTap

TOPOLOGY = {"projects": 1, "environments": 1, "EnvironmentHeaders": 1}


def test_nothing_is_asked_before_the_first_question(tapped: Tapped) -> None:
    threads = threading.active_count()
    Job(301001, client=tapped.account.client)
    assert (tapped.asked(), threading.active_count()) == ({}, threads)


QUESTIONS: dict[str, tuple[Callable[[dbtAccount], object], dict[str, int]]] = {
    "projects": (lambda account: account.projects, TOPOLOGY),
    "models": (lambda account: account.get_models(), {**TOPOLOGY, "EnvironmentModels": 1}),
    "slowest": (lambda account: account.slowest_models(), {**TOPOLOGY, "EnvironmentModels": 1}),
    "history": (
        lambda account: account.slowest_models(5, 10),
        {**TOPOLOGY, "EnvironmentModels": 1, "jobs": 1, "ModelHistories": 2, "InvocationArguments": 2},
    ),
    "longest": (lambda account: account.longest_running_jobs(), {**TOPOLOGY, "jobs": 1}),
    "longest of ten": (lambda account: account.longest_running_jobs(5, 10), {**TOPOLOGY, "jobs": 1, "runs": 2}),
    "runs": (lambda account: account.get_runs(10), {**TOPOLOGY, "runs": 1}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_costs_few_requests_and_the_same_one_again_none(tapped: Tapped, name: str) -> None:
    ask, cost = QUESTIONS[name]
    ask(tapped.account)
    first = tapped.asked()
    assert first == cost
    assert tapped.account.client.upstream_requests == sum(first.values())
    ask(tapped.account)
    assert tapped.asked() == {}


@pytest.mark.slow
def test_attributes_of_listed_models_cost_nothing_more(tapped: Tapped) -> None:
    models = tapped.account.get_models()
    tapped.asked()
    for model in models:
        assert (model.name, model.tags, model.runtime, model.last_run_status, model.ranked) is not None
    assert tapped.asked() == {}
    skipped = [model for model in models if model.last_run_status == "skipped"]
    assert [model.last_run_runtime for model in skipped] == [None] * len(skipped)
    assert tapped.asked() == {"ModelHistories": len(skipped)}


@pytest.mark.slow
def test_descriptions_are_read_for_all_models_of_a_project_with_the_first(tapped: Tapped) -> None:
    models = tapped.account.project("finance").models
    tapped.asked()
    assert len({model.description for model in models}) > 1
    assert tapped.asked() == {"EnvironmentModels": 1}


@pytest.mark.slow
def test_facts_are_believed_until_the_ttl_is_over(tapped: Tapped) -> None:
    tapped.account.slowest_models()
    tapped.asked()
    tapped.clock.now += TTL - 0.001
    tapped.account.slowest_models()
    assert tapped.asked() == {}
    tapped.clock.now += 0.001
    tapped.account.slowest_models()
    assert tapped.asked() == TOPOLOGY, "the models stand as long as their environment did not change"


@pytest.mark.slow
def test_refresh_reads_anew_what_the_question_needs(tapped: Tapped) -> None:
    before = tapped.account.slowest_models()
    tapped.asked()
    assert tapped.account.slowest_models(refresh=True) == before
    assert tapped.asked() == {**TOPOLOGY, "EnvironmentModels": 1}


@pytest.mark.slow
def test_invalidate_forgets_everything(tapped: Tapped) -> None:
    tapped.account.get_runs(10)
    tapped.account.invalidate()
    tapped.asked()
    tapped.account.get_runs(10)
    assert tapped.asked() == {**TOPOLOGY, "runs": 1}


@pytest.mark.slow
def test_refresh_of_a_resource_reads_it_again(tapped: Tapped) -> None:
    job = tapped.account.job(301001)
    tapped.asked()
    assert job.refresh() is job
    assert tapped.asked() == {"jobs": 1}


async def test_it_works_inside_a_running_event_loop(account: dbtAccount) -> None:
    assert asyncio.get_running_loop().is_running()
    assert len(account.projects) == 4
    async with asyncio.timeout(60):
        found = await asyncio.gather(*(asyncio.to_thread(account.slowest_models, n) for n in range(1, 5)))
    assert [len(ranking) for ranking in found] == [1, 2, 3, 4]


@pytest.mark.slow
def test_many_threads_share_one_reading(tapped: Tapped) -> None:
    barrier = threading.Barrier(16)

    def ask(_: int) -> list[str]:
        barrier.wait()
        return [model.model_id for model in tapped.account.get_models()]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    assert all(answer == answers[0] for answer in answers)
    assert tapped.asked() == {**TOPOLOGY, "EnvironmentModels": 1}


@pytest.mark.slow
def test_after_closing_every_question_is_refused(settings: Settings) -> None:
    with dbtAccount(client=Client(ConnectionOptions(settings, TTL))) as account:
        model = account.model("finance.rpt_ar_aging")
    metadata = JobService(account.base_query()).get_job_metadata
    for ask in (account.get_projects, model.get_jobs, lambda: metadata(301001)):
        with pytest.raises(ClosedError, match="dbtAccount"):
            ask()
    assert model.runtime is not None, "what was read stays readable"


def test_an_interrupt_leaves_the_account_usable(tapped: Tapped) -> None:
    async def interrupt(call: Call) -> Response | None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(60)
        return None

    tapped.tap.fault = interrupt
    # Who runs the tests in the background may have had the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            tapped.account.get_projects()
    finally:
        signal.signal(signal.SIGINT, before)
    tapped.tap.fault = None
    tapped.account.invalidate()
    assert len(tapped.account.get_projects()) == 4


def test_a_question_has_its_time(settings: Settings) -> None:
    async def wait(call: Call) -> Response | None:
        await asyncio.sleep(60)
        return None

    tap = UpstreamTap()
    tap.fault = wait
    client = Client(ConnectionOptions(settings, TTL, wrap_platform=tap.wrap), timeout=0.2)
    with dbtAccount(client=client) as account, pytest.raises(UpstreamTimeoutError, match=r"0\.2 s"):
        account.get_projects()


def threads_of_the_library() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("discovery-api")]


def test_closing_ends_the_thread(settings: Settings) -> None:
    before = threads_of_the_library()
    account = dbtAccount(client=Client(ConnectionOptions(settings, TTL)))
    assert account.projects
    assert len(threads_of_the_library()) > len(before)
    account.close()
    account.close()
    assert threads_of_the_library() == before


@pytest.mark.slow
def test_an_account_that_is_forgotten_is_closed(settings: Settings) -> None:
    before = threads_of_the_library()
    account = dbtAccount(client=Client(ConnectionOptions(settings, TTL)))
    assert account.projects
    del account
    gc.collect()
    assert threads_of_the_library() == before


SCRIPT = """
from gateway.discovery_api.api import dbtAccount
account = dbtAccount()
print([project.project_id for project in account.projects])
"""


# Reading the demo takes 9 s; by day the examples of docs/python.md do it (test_newcomer.py).
@pytest.mark.nightly
def test_a_script_without_configuration_gets_the_demo_and_ends_cleanly() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['finance', 'logistics', 'marketing', 'storefront']\n"
