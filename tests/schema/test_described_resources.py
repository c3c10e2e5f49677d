"""What is known of resources beyond models: columns, exposures, last attempts, and finding one by its id."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.settings import Settings
from tests.local_platform.reckoning import Reckoning
from tests.oracle.account import Oracle, Project
from tests.serving import Gateway, serving
from tests.sharing.conftest import own_redis

COLUMNS = "columns { name dataType description }"
TABLES = f"""query($id: ID!) {{ project(id: $id) {{
  models(first: 400) {{ nodes {{ uniqueId {COLUMNS} }} }} sources(first: 400) {{ nodes {{ uniqueId {COLUMNS} }} }}
  resources(filter: {{resourceTypes: [SEED, SNAPSHOT]}}, first: 400) {{ nodes {{ uniqueId
    ... on Seed {{ lastRunStatus {COLUMNS} }} ... on Snapshot {{ lastRunStatus {COLUMNS} }} }} }} }} }}"""
EXPOSURES = """query($id: ID!) { project(id: $id) { resources(filter: {resourceTypes: [EXPOSURE]}, first: 100) { nodes {
  uniqueId ... on Exposure { exposureType url owner { name email } models { totalCount nodes { uniqueId } } } } } } }"""
RESOURCE = "query($id: ID!) { resource(id: $id) { __typename id uniqueId name resourceType project { id } } }"
STATUSES = {"success": "SUCCESS", "error": "FAILURE", "fail": "FAILURE", "skipped": "SKIPPED"}


def cataloged(reckoning: Reckoning, project: Project) -> Mapping[str, list[dict[str, Any]]]:
    """The columns of each table in the newest catalog that lists it, with the descriptions of the newest manifest."""
    manifest = reckoning.manifest(project.environment_id)
    found: dict[str, list[dict[str, Any]]] = {}
    for command in reckoning.commands_of(project.environment_id):
        catalog = command.files.get("catalog") or {}
        for unique_id, table in [*catalog.get("nodes", {}).items(), *catalog.get("sources", {}).items()]:
            node = manifest["nodes"].get(unique_id) or manifest["sources"].get(unique_id) or {}
            documented = {name.lower(): one for name, one in (node.get("columns") or {}).items()}
            found[unique_id] = [
                {
                    "name": column["name"],
                    "dataType": column["type"],
                    "description": documented.get(column["name"].lower(), {}).get("description") or None,
                }
                for column in sorted(table["columns"].values(), key=lambda column: column["index"])
            ]
    return found


@pytest.mark.slow
async def test_tables_have_the_columns_of_their_newest_catalog(
    warm_gateway: Gateway, oracle: Oracle, reckoning: Reckoning
) -> None:
    listed: set[str] = set()
    for project in oracle.production:
        expected = cataloged(reckoning, project)
        data = (await warm_gateway.data(TABLES, id=project.id))["project"]
        for node in [one for part in data.values() for one in part["nodes"]]:
            assert node["columns"] == expected.get(node["uniqueId"], []), node["uniqueId"]
            listed.update([node["uniqueId"].partition(".")[0]] if node["columns"] else [])
            assert all(column["dataType"] for column in node["columns"])
    assert {"model", "source", "seed", "snapshot"} <= listed


@pytest.mark.slow
async def test_seeds_and_snapshots_report_their_last_attempt(
    warm_gateway: Gateway, oracle: Oracle, reckoning: Reckoning
) -> None:
    seen = 0
    for project in oracle.production:
        data = (await warm_gateway.data(TABLES, id=project.id))["project"]
        for node in data["resources"]["nodes"]:
            attempts = reckoning.history(project.environment_id, node["uniqueId"])
            assert node["lastRunStatus"] == (STATUSES[attempts[0].status] if attempts else None)
            seen += 1
    assert seen > 5


@pytest.mark.slow
async def test_exposures_show_what_they_are_and_what_they_use(
    warm_gateway: Gateway, oracle: Oracle, reckoning: Reckoning
) -> None:
    seen = 0
    for project in oracle.production:
        exposures = reckoning.manifest(project.environment_id)["exposures"]
        data = (await warm_gateway.data(EXPOSURES, id=project.id))["project"]["resources"]["nodes"]
        assert [one["uniqueId"] for one in data] == sorted(exposures)
        for told in data:
            node = exposures[told["uniqueId"]]
            ids = {model.unique_id: model.id for model in project.models}
            used = sorted((one for one in node["depends_on"]["nodes"] if one in ids), key=lambda one: ids[one])
            assert told == {
                "uniqueId": node["unique_id"],
                "exposureType": node["type"],
                "url": node.get("url") or None,
                "owner": {"name": node["owner"].get("name"), "email": node["owner"].get("email")},
                "models": {"totalCount": len(used), "nodes": [{"uniqueId": one} for one in used]},
            }
            seen += 1
    assert seen


@pytest.mark.slow
async def test_each_kind_of_facts_is_one_document_and_only_those_asked_for_are_read(
    settings: Settings, oracle: Oracle
) -> None:
    project = oracle.production[0]
    own = {"EnvironmentExposures", "EnvironmentSeeds", "EnvironmentSnapshots"}
    own |= {f"{kind}Columns" for kind in ("Model", "Source", "Seed", "Snapshot")}
    questions = {
        EXPOSURES: {"EnvironmentExposures": 1},
        EXPOSURES.replace("exposureType url owner { name email }", ""): {},
        TABLES: dict.fromkeys(own - {"EnvironmentExposures"}, 1),
        TABLES.replace(COLUMNS, ""): {"EnvironmentSeeds": 1, "EnvironmentSnapshots": 1},
    }
    for question, documents in questions.items():
        async with serving(settings) as gateway:
            await gateway.data(question, id=project.id)
            assert {name: n for name, n in gateway.upstream.operations.items() if name in own} == documents
            gateway.upstream.calls.clear()
            await gateway.data(question, id=project.id)
            # Columns are never kept.
            assert gateway.upstream.operations == {name: n for name, n in documents.items() if "Columns" in name}


@pytest.mark.external
async def test_replicas_share_what_is_known(settings: Settings, oracle: Oracle, tmp_path: Path) -> None:
    async with own_redis(tmp_path) as redis:
        sharing = settings.model_copy(
            update={"cache_url": SecretStr(redis.url), "cache_secret": SecretStr("theirs"), "cache_seconds": 600.0}
        )
        answers = []
        for _ in range(2):
            async with serving(sharing) as replica:
                questions = (EXPOSURES, TABLES.replace(COLUMNS, ""))
                answers.append([await replica.data(one, id=oracle.production[0].id) for one in questions])
                asked = set(replica.upstream.operations)
    assert answers[0] == answers[1]
    own = {"Resources", "Exposures", "Seeds", "Snapshots"}
    assert asked.isdisjoint({f"Environment{one}" for one in own})


@pytest.mark.slow
async def test_every_resource_is_found_by_its_id(warm_gateway: Gateway, oracle: Oracle) -> None:
    fields = "__typename id uniqueId name resourceType project { id }"
    owners: dict[str, list[str]] = {}
    for project in oracle.production:
        data = await warm_gateway.data(
            f"""query($id: ID!) {{ project(id: $id) {{ resources(first: 2000) {{ nodes {{ {fields} }} }} }} }}""",
            id=project.id,
        )
        by_type: dict[str, Any] = {}
        for one in data["project"]["resources"]["nodes"]:
            owners.setdefault(one["uniqueId"], []).append(one["id"])
            by_type.setdefault(one["resourceType"], one)
        for one in by_type.values():
            assert await warm_gateway.data(RESOURCE, id=one["id"]) == {"resource": one}
            named = await warm_gateway.data(RESOURCE, id=f"{project.id}/{one['uniqueId']}")
            assert named == {"resource": one}
    alone = {unique_id: ids[0] for unique_id, ids in owners.items() if len(ids) == 1}
    for kind in ("seed.", "snapshot.", "source.", "exposure.", "test.", "model."):
        unique_id = next(one for one in sorted(alone) if one.startswith(kind))
        assert (await warm_gateway.data(RESOURCE, id=unique_id))["resource"]["id"] == alone[unique_id]
    shared = next(one for one in sorted(owners) if len(owners[one]) > 1 and not one.startswith("model."))
    reply = await warm_gateway.ask(RESOURCE, id=shared)
    assert reply.codes == {"resource": "AMBIGUOUS_ID"}
    assert reply.errors[0]["extensions"]["candidates"] == sorted(owners[shared])


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("finance/seed.finance.regoins", "Did you mean"),
        ("seed.finance.nothing_like_it_at_all_xyz", "seed"),
        ("finanze/seed.finance.regions", "finance"),
        ("finance/operation.finance.x-on-run-end-0", "resource"),
        ("finance/", "resource"),
        ("/seed.finance.x", "project"),
        ("finance.nothing_of_the_kind", "model"),
        ("gadget.finance.x", "model"),
        ("", "model"),
        ("finance/seed." + "x" * 100_000, "resource"),
        ("finance/\x1b[31mseed", "resource"),
    ],
)
async def test_an_id_that_names_no_resource_is_reported_with_ids_that_are_close(
    warm_gateway: Gateway, given: str, hint: str
) -> None:
    reply = await warm_gateway.ask(RESOURCE, id=given)
    assert reply.codes == {"resource": "NOT_FOUND"}
    assert reply.data == {"resource": None}
    assert hint in reply.errors[0]["message"]
    assert len(reply.errors[0]["message"]) < 1_500
    assert "\x1b" not in reply.errors[0]["message"]
