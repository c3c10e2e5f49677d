"""Filters that dbt applies for us: the same models come out, and fewer pages are read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from benchmarks.account import Size, write_account
from gateway.archive.archive import Archive
from gateway.concurrency.deadline import deadline_in
from gateway.hierarchy.filters.model_filters import ModelFilter, TagsMatch
from gateway.hierarchy.lists.model_index import EnvironmentModels
from gateway.hierarchy.objects.project import DeploymentEnvironment, Environment, Project
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading.loaders import Loaders
from gateway.local_platform.app import create_platform
from gateway.services.bundle import CachePolicy, Upstream, build_services, open_query
from gateway.services.models.pushdown import fields_looked_at, push_down
from gateway.services.transport.http_transport import AsgiTransport, TransportLimits
from gateway.settings import Settings
from tests.conftest import stored
from tests.serving import serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("account")
    write_account(folder, Size(environments=1, models=60, runs=6))
    return folder


@pytest.fixture(scope="module")
def platform(account: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starlette]:
    archive = Archive.open(stored(account, tmp_path_factory.mktemp("store")))
    yield create_platform(archive)
    archive.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An account with three pages of models."""
    folder = tmp_path_factory.mktemp("large")
    write_account(folder, Size(environments=1, models=1_100, runs=2))
    return stored(folder, tmp_path_factory.mktemp("large-store"))


@pytest.fixture(scope="module")
def project(account: Path) -> Project:
    environment = json.loads((account / "account.json").read_bytes())["environments"][0]
    place = Environment(environment["id"], None, environment["project_id"], DeploymentEnvironment.PRODUCTION)
    return Project("any", "any", place, None)


def filters() -> st.SearchStrategy[ModelFilter]:
    tags = st.lists(st.sampled_from(["daily", "hourly", "nightly", "pii", "nobody"]), max_size=3)
    return st.builds(
        ModelFilter,
        tags=st.none() | tags.map(tuple),
        tags_match=st.sampled_from(TagsMatch),
        materialization=st.none() | st.sampled_from(["view", "TABLE", "incremental", "nothing"]),
        min_runtime=st.none() | st.floats(0, 20),
        packages=st.none() | st.lists(st.sampled_from(["finance_01", "other"]), max_size=2).map(tuple),
        statuses=st.none() | st.lists(st.sampled_from(RunStatus), max_size=2).map(tuple),
        access=st.none() | st.lists(st.sampled_from(["protected", "public", "other"]), max_size=2).map(tuple),
        groups=st.sampled_from([None, None, (), ("core",)]),
    )


async def read(platform: Starlette, project: Project, criteria: ModelFilter | None) -> EnvironmentModels:
    """What a service that knows nothing yet reads for a filter."""
    upstream = Upstream(AsgiTransport(platform, None, TransportLimits()), "http://p/graphql", "http://p", 1)
    async with open_query(upstream) as query:
        services = build_services(query, upstream, CachePolicy())
        with deadline_in(60):
            fields = fields_looked_at(criteria) if criteria else frozenset({"access", "group"})
            found = (await services.models.models([project], fields, push_down(criteria)))[project.environment_id]
    assert isinstance(found, EnvironmentModels)
    return found


@given(criteria=filters())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_is_pushed_down_and_what_is_filtered_here_agree(
    platform: Starlette, project: Project, everything: EnvironmentModels, criteria: ModelFilter
) -> None:
    pushed = await read(platform, project, criteria)

    expected = [model.id for model in everything.models if criteria.admits(model, {})]
    assert [model.id for model in pushed.models if criteria.admits(model, {})] == expected


@pytest.fixture(scope="module")
async def everything(platform: Starlette, project: Project) -> EnvironmentModels:
    return await read(platform, project, None)


async def test_a_selective_tag_reads_one_page_where_all_models_are_three(store: str) -> None:
    async with serving(Settings(store_url=store)) as gateway:
        some = await gateway.count('{ account { models(filter: {tags: ["hourly"]}) { totalCount } } }')
        asked = [call for call in gateway.upstream.calls if call.operation == "EnvironmentModels"]
        whole = await gateway.count("{ account { models { totalCount } } }")
        again = await gateway.count('{ account { models(filter: {tags: ["nightly"]}) { totalCount } } }')

    assert asked[0].variables["filter"] == {"tags": ["hourly"]}
    assert some["EnvironmentModels"] < whole["EnvironmentModels"] == 3
    assert again == {}, "what is known as a whole is not read in parts"


async def test_several_tags_of_which_any_will_do_stay_here(store: str) -> None:
    async with serving(Settings(store_url=store)) as gateway:
        await gateway.count('{ account { models(filter: {tags: ["hourly", "nightly"]}) { totalCount } } }')
        asked = [call for call in gateway.upstream.calls if call.operation == "EnvironmentModels"]

    assert "filter" not in asked[0].variables


async def test_where_packages_may_share_names_everything_is_read_by_the_document_that_filters_others(
    settings_of_demo: Settings,
) -> None:
    async with serving(settings_of_demo.model_copy(update={"history_source": "discovery"})) as gateway:
        packages = (await Loaders(gateway.services).projects()).packages
        await gateway.count('{ account { models(filter: {tags: ["pii"]}) { nodes { id } } } }')
        [asked] = [call for call in gateway.upstream.calls if call.operation == "EnvironmentModels"]

    lists = re.findall(r"environment\(id: \$(e\d+)\).*?models\((.*?)\)", asked.document, re.DOTALL)
    filtered = {asked.variables[name]: "filter" in arguments for name, arguments in lists}
    assert filtered == {number: len(packages[number]) == 1 for number in filtered}
    assert set(filtered.values()) == {True, False}


@pytest.fixture
def settings_of_demo(demo_store: str) -> Settings:
    return Settings(store_url=demo_store)


async def test_models_that_failed_last_are_found_by_status(store: str) -> None:
    query = """query ($s: [RunStatus!]) {
        account { models(filter: {statuses: $s}, first: 5000) { nodes { lastRunStatus } } }
    }"""
    async with serving(Settings(store_url=store)) as gateway:
        failed = await gateway.data(query, s=["FAILURE"])
        everything = await gateway.data(query, s=None)

    statuses = [model["lastRunStatus"] for model in everything["account"]["models"]["nodes"]]
    assert [model["lastRunStatus"] for model in failed["account"]["models"]["nodes"]] == [
        status for status in statuses if status == "FAILURE"
    ]


async def test_models_named_by_unique_id_are_read_alone_and_unknown_ones_reported(store: str) -> None:
    query = "query ($ids: [ID!]) { account { models(filter: {modelIds: $ids}) { nodes { uniqueId } } } }"
    async with serving(Settings(store_url=store)) as gateway:
        everything = await gateway.data("{ account { models(first: 3) { nodes { id uniqueId } } } }")
        named = everything["account"]["models"]["nodes"][1]["uniqueId"]
    async with serving(Settings(store_url=store)) as gateway:
        found = await gateway.data(query, ids=[named])
        asked = [call for call in gateway.upstream.calls if call.operation == "EnvironmentModels"]
        unknown = await gateway.ask(query, ids=[named[:-1]])

    assert found["account"]["models"]["nodes"] == [{"uniqueId": named}]
    assert [call.variables["filter"] for call in asked] == [{"uniqueIds": [named]}]
    assert unknown.codes == {"account.models": "BAD_USER_INPUT"}
    assert everything["account"]["models"]["nodes"][1]["id"] in unknown.errors[0]["message"]
