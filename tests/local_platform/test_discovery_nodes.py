"""All of an environment that is no model: sources, seeds, snapshots, tests, exposures, macros, groups, lineage."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.local_platform.reckoning import Command, Json, Reckoning, millis
from tests.served_platform import Platform

ENVIRONMENTS = (201001, 202001, 203001)
FRESHNESS = {"pass": "Pass", "warn": "Warn", "error": "Error", "runtime error": "Error"}


def applied(platform: Platform, environment_id: int, selection: str) -> Any:
    return platform.ask(f"{{ environment(id: {environment_id}) {{ applied {{ {selection} }} }} }}")["environment"][
        "applied"
    ]


def definition(platform: Platform, environment_id: int, selection: str) -> Any:
    query = f"{{ environment(id: {environment_id}) {{ definition {{ {selection} }} }} }}"
    return platform.ask(query)["environment"]["definition"]


def nodes_of(connection: Json) -> list[Json]:
    return [edge["node"] for edge in connection["edges"]]


def listed(platform: Platform, environment_id: int, field: str, fields: str) -> dict[str, Json]:
    found = applied(platform, environment_id, f"{field} {{ totalCount edges {{ node {{ uniqueId {fields} }} }} }}")[
        field
    ]
    nodes = nodes_of(found)
    assert found["totalCount"] == len(nodes)
    return {node["uniqueId"]: node for node in nodes}


def kind(manifest: Json, name: str) -> dict[str, Json]:
    return {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == name}


def newest_check(reckoning: Reckoning, environment_id: int, name: str) -> tuple[Command, Json] | None:
    found = [
        (command, result)
        for command in reckoning.commands_of(environment_id)
        for result in command.files.get("sources", {}).get("results", [])
        if result["unique_id"] == name
    ]
    return found[-1] if found else None


@pytest.mark.parametrize("environment_id", ENVIRONMENTS)
def test_sources_show_their_newest_freshness(platform: Platform, reckoning: Reckoning, environment_id: int) -> None:
    fields = """name sourceName identifier loader schema database description sourceDescription tags
      children { uniqueId } tests { uniqueId }
      freshness { freshnessChecked freshnessStatus maxLoadedAt snapshottedAt maxLoadedAtTimeAgoInS freshnessRunId
        freshnessJobDefinitionId freshnessRunGeneratedAt
        criteria { warnAfter { count period } errorAfter { count period } } }"""
    manifest = reckoning.manifest(environment_id)
    found = listed(platform, environment_id, "sources", fields)
    assert set(found) == set(manifest["sources"])
    for name, source in found.items():
        node = manifest["sources"][name]
        assert (source["name"], source["sourceName"]) == (node["name"], node["source_name"])
        assert (source["identifier"], source["loader"]) == (node["identifier"], node["loader"])
        children = manifest["child_map"][name]
        assert {each["uniqueId"] for each in source["tests"]} == {each for each in children if each.startswith("test.")}
        others = {each for each in children if not each.startswith(("test.", "unit_test."))}
        assert {each["uniqueId"] for each in source["children"]} == others
        _check_freshness(source["freshness"], newest_check(reckoning, environment_id, name), node)


def _check_freshness(freshness: Json, check: tuple[Command, Json] | None, node: Json) -> None:
    assert freshness["freshnessChecked"] is (check is not None)
    if check is None:
        assert freshness["freshnessStatus"] is None
        return
    command, result = check
    assert freshness["freshnessStatus"] == FRESHNESS[result["status"]]
    assert freshness["freshnessRunId"] == command.run["id"]
    assert freshness["freshnessJobDefinitionId"] == command.run["job_definition_id"]
    assert freshness["freshnessRunGeneratedAt"] == millis(command.files["sources"]["metadata"]["generated_at"])
    if "max_loaded_at" in result:
        assert freshness["maxLoadedAt"] == millis(result["max_loaded_at"])
        assert freshness["snapshottedAt"] == millis(result["snapshotted_at"])
        assert freshness["maxLoadedAtTimeAgoInS"] == result["max_loaded_at_time_ago_in_s"]
    wanted = result.get("criteria") or node["freshness"]
    for theirs, ours in (("warnAfter", "warn_after"), ("errorAfter", "error_after")):
        limit = wanted[ours] if wanted and wanted.get(ours, {}).get("count") else None
        assert freshness["criteria"][theirs] == limit


def test_sources_are_found_by_freshness(platform: Platform, reckoning: Reckoning) -> None:
    for environment_id in ENVIRONMENTS:
        names = reckoning.manifest(environment_id)["sources"]
        status = {name: newest_check(reckoning, environment_id, name) for name in names}
        checked = applied(
            platform, environment_id, "sources(filter: {freshnessChecked: true}) { edges { node { uniqueId } } }"
        )
        assert {node["uniqueId"] for node in nodes_of(checked["sources"])} == {name for name in names if status[name]}
        passed = applied(
            platform, environment_id, "sources(filter: {freshnessStatus: Pass}) { edges { node { uniqueId } } }"
        )
        expected = {name for name, check in status.items() if check and check[1]["status"] == "pass"}
        assert {node["uniqueId"] for node in nodes_of(passed["sources"])} == expected


@pytest.mark.parametrize("environment_id", ENVIRONMENTS)
@pytest.mark.parametrize("field", ["seeds", "snapshots"])
def test_seeds_and_snapshots_show_how_they_were_built(
    platform: Platform, reckoning: Reckoning, environment_id: int, field: str
) -> None:
    fields = """name schema alias children { uniqueId } executionInfo { lastRunId lastRunStatus executionTime
      lastSuccessRunId runElapsedTime }"""
    found = listed(platform, environment_id, field, fields)
    manifest = reckoning.manifest(environment_id)
    assert set(found) == set(kind(manifest, field.removesuffix("s")))
    for name, node in found.items():
        last = reckoning.history(environment_id, name)[0]
        success = reckoning.success(environment_id, name)
        assert success
        assert node["executionInfo"] == {
            "lastRunId": last.run_id,
            "lastRunStatus": last.status,
            "executionTime": success.result["execution_time"],
            "lastSuccessRunId": success.run_id,
            "runElapsedTime": success.command.elapsed,
        }
        children = {name for name in manifest["child_map"][name] if not name.startswith("test.")}
        assert {each["uniqueId"] for each in node["children"]} == children


@pytest.mark.parametrize("environment_id", ENVIRONMENTS)
def test_tests_report_their_kind_and_their_last_result(
    platform: Platform, reckoning: Reckoning, environment_id: int
) -> None:
    fields = """testType columnName testMetadata { name namespace kwargs } lastKnownResult testedNodeUniqueId
      parents { uniqueId } executionInfo { lastRunStatus lastRunFailures lastRunError lastRunId lastSuccessRunId }"""
    found = listed(platform, environment_id, "tests", fields)
    manifest = reckoning.manifest(environment_id)
    assert set(found) == set(kind(manifest, "test")) | set(manifest["unit_tests"])
    for name, test in found.items():
        node = manifest["nodes"].get(name) or manifest["unit_tests"][name]
        generic = node.get("test_metadata")
        expected = (
            "UNIT_TEST" if name in manifest["unit_tests"] else "GENERIC_DATA_TEST" if generic else "SINGULAR_DATA_TEST"
        )
        assert test["testType"] == expected
        assert test["columnName"] == node.get("column_name")
        if generic:
            assert test["testMetadata"]["kwargs"] == generic["kwargs"]
            assert test["testedNodeUniqueId"] in {node["attached_node"], node["depends_on"]["nodes"][0]}
        assert {each["uniqueId"] for each in test["parents"]} == set(node["depends_on"]["nodes"])
        history = reckoning.history(environment_id, name)
        info = test["executionInfo"]
        if not history:
            assert info["lastRunId"] is None
            continue
        assert (info["lastRunId"], info["lastRunStatus"]) == (history[0].run_id, history[0].status)
        assert (info["lastRunFailures"], info["lastRunError"]) == (history[0].result["failures"], history[0].error)
        assert test["lastKnownResult"] == history[0].status


@pytest.mark.slow
def test_tests_are_found_by_type_and_result(platform: Platform, reckoning: Reckoning) -> None:
    unit = applied(platform, 201001, "tests(filter: {testTypes: [UNIT_TEST]}) { edges { node { uniqueId } } }")
    assert {node["uniqueId"] for node in nodes_of(unit["tests"])} == set(reckoning.manifest(201001)["unit_tests"])
    wanted = (("[skipped, warn, error]", {"skipped", "warn", "error"}), ("[pass]", {"pass"}), ("[fail]", {"fail"}))
    for listed_statuses, statuses in wanted:
        found, expected = set(), set()
        for place in ENVIRONMENTS:
            answer = applied(
                platform,
                place,
                f"tests(filter: {{lastKnownResults: {listed_statuses}}}) {{ edges {{ node {{ uniqueId }} }} }}",
            )
            found |= {(place, node["uniqueId"]) for node in nodes_of(answer["tests"])}
            manifest = reckoning.manifest(place)
            for name in [*kind(manifest, "test"), *manifest["unit_tests"]]:
                history = reckoning.history(place, name)
                expected |= {(place, name)} if history and history[0].status in statuses else set()
        assert found == expected


def test_a_model_counts_its_tests_by_result(platform: Platform, reckoning: Reckoning) -> None:
    query = "models { edges { node { parents { uniqueId ... on ModelAppliedStateNestedNode { testStatuses } } } } }"
    manifest = reckoning.manifest(201001)
    seen = 0
    for model in nodes_of(applied(platform, 201001, query)["models"]):
        for parent in model["parents"]:
            if "testStatuses" in parent:
                tests = [
                    name
                    for name in manifest["child_map"][parent["uniqueId"]]
                    if "test." in name.partition(".")[0] + "."
                ]
                last = [reckoning.history(201001, name)[0].status for name in tests if reckoning.history(201001, name)]
                assert parent["testStatuses"] == dict(Counter(last))
                seen += bool(last)
    assert seen


def test_exposures_name_their_owner_and_what_they_use(platform: Platform, reckoning: Reckoning) -> None:
    fields = """name label url maturity exposureType ownerName ownerEmail parents { uniqueId }
      ancestors(types: [Source]) { uniqueId }"""
    for environment_id in ENVIRONMENTS:
        manifest = reckoning.manifest(environment_id)
        found = listed(platform, environment_id, "exposures", fields)
        assert set(found) == set(manifest["exposures"])
        for name, exposure in found.items():
            node = manifest["exposures"][name]
            owner = node["owner"]
            assert (exposure["ownerName"], exposure["ownerEmail"]) == (owner["name"], owner["email"])
            assert exposure["exposureType"] == node["type"]
            assert {each["uniqueId"] for each in exposure["parents"]} == set(node["depends_on"]["nodes"])
            assert {each["uniqueId"] for each in exposure["ancestors"]} == upstream(manifest, name, "source.")
        owners = applied(platform, environment_id, "owners(resource: exposure) { name email }")["owners"]
        assert owners == [
            {"name": node["owner"]["name"], "email": node["owner"]["email"]} for node in manifest["exposures"].values()
        ]


def upstream(manifest: Json, name: str, prefix: str) -> set[str]:
    found: set[str] = set()
    edge = set(manifest["parent_map"][name])
    while edge:
        found |= edge
        edge = {parent for each in edge for parent in manifest["parent_map"].get(each, [])} - found
    return {each for each in found if each.startswith(prefix)}


@pytest.mark.parametrize("environment_id", ENVIRONMENTS)
def test_models_know_everything_upstream(platform: Platform, reckoning: Reckoning, environment_id: int) -> None:
    manifest = reckoning.manifest(environment_id)
    query = "models { edges { node { uniqueId ancestors(types: [Model, Seed]) { uniqueId } } } }"
    for model in nodes_of(applied(platform, environment_id, query)["models"]):
        expected = upstream(manifest, model["uniqueId"], "model.") | upstream(manifest, model["uniqueId"], "seed.")
        assert {each["uniqueId"] for each in model["ancestors"]} == expected


def test_the_definition_state_is_the_newest_manifest(platform: Platform, reckoning: Reckoning) -> None:
    for environment_id in ENVIRONMENTS:
        manifest = reckoning.manifest(environment_id)
        command = [each for each in reckoning.commands_of(environment_id) if "manifest" in each.files][-1]
        found = definition(
            platform,
            environment_id,
            "lastUpdatedAt models { edges { node { uniqueId rawCode runId jobDefinitionId children { uniqueId } } } }"
            " macros(first: 500) { totalCount edges { node { uniqueId macroSql } } } packages(resource: macro)",
        )
        models = {node["uniqueId"]: node for node in nodes_of(found["models"])}
        assert {name: node["rawCode"] for name, node in models.items()} == {
            name: node["raw_code"] for name, node in kind(manifest, "model").items()
        }
        assert {node["runId"] for node in models.values()} == {command.run["id"]}
        assert {node["jobDefinitionId"] for node in models.values()} == {command.run["job_definition_id"]}
        assert found["macros"]["totalCount"] == len(manifest["macros"])
        macros = {node["uniqueId"]: node for node in nodes_of(found["macros"])}
        assert len(macros) == 500
        assert all(macro["macroSql"] == manifest["macros"][name]["macro_sql"] for name, macro in macros.items())
        assert found["packages"] == sorted({macro["package_name"] for macro in manifest["macros"].values()})


@pytest.mark.slow
def test_groups_list_their_models_and_owner(platform: Platform, reckoning: Reckoning) -> None:
    found = definition(
        platform,
        201001,
        "groups { edges { node { uniqueId name ownerName ownerEmail modelCount models { uniqueId } } } }",
    )
    [group] = nodes_of(found["groups"])
    manifest = reckoning.manifest(201001)
    [expected] = manifest["groups"].values()
    members = {name for name, node in kind(manifest, "model").items() if node["group"] == expected["name"]}
    assert (group["uniqueId"], group["ownerName"]) == (expected["unique_id"], expected["owner"]["name"])
    assert {model["uniqueId"] for model in group["models"]} == members
    assert group["modelCount"] == len(members)


def test_tags_packages_and_counts_sum_the_state_up(platform: Platform, reckoning: Reckoning) -> None:
    for environment_id in ENVIRONMENTS:
        manifest = reckoning.manifest(environment_id)
        found = applied(platform, environment_id, "tags { name } packages(resource: model) resourceCounts")
        sections = ("nodes", "sources", "exposures", "unit_tests")
        nodes = [node for section in sections for node in manifest[section].values()]
        tags = {tag for node in nodes if node["resource_type"] != "operation" for tag in node.get("tags", [])}
        assert [tag["name"] for tag in found["tags"]] == sorted(tags)
        assert found["packages"] == sorted({node["package_name"] for node in kind(manifest, "model").values()})
        counts = Counter(node["resource_type"] for node in manifest["nodes"].values())
        for section, name in (("sources", "source"), ("macros", "macro"), ("exposures", "exposure")):
            counts[name] = len(manifest[section])
        assert {name: found["resourceCounts"][name] for name in counts} == dict(counts)


def test_resources_of_several_types_come_in_one_list(platform: Platform, reckoning: Reckoning) -> None:
    manifest = reckoning.manifest(201001)
    found = applied(
        platform,
        201001,
        "resources(first: 500, filter: {types: [Model, Seed, Source, Macro]}) { totalCount edges { node {"
        " __typename uniqueId resourceType ... on ModelAppliedStateNode { materializedType } } } }",
    )["resources"]
    expected = {*kind(manifest, "model"), *kind(manifest, "seed"), *manifest["sources"], *manifest["macros"]}
    assert found["totalCount"] == len(expected)
    names = {node["resourceType"]: node["__typename"] for node in nodes_of(found)}
    assert {"macro": "MacroDefinitionNode"}.items() <= names.items()


LINEAGE = """query ($id: BigInt!, $filter: LineageFilter!) { environment(id: $id) { applied { lineage(filter: $filter) {
  __typename uniqueId resourceType parentIds publicParentIds tags materializationType filePath projectId
  ... on LineageNodeExecutable { lastRunStatus } ... on LineageNodeTestable { worstTestStatus } } } } }"""


def lineage(platform: Platform, environment_id: int, **wanted: Any) -> dict[str, Json]:
    found = platform.ask(LINEAGE, id=environment_id, filter=wanted)["environment"]["applied"]["lineage"]
    return {node["uniqueId"]: node for node in found}


@pytest.mark.slow
@pytest.mark.parametrize("environment_id", ENVIRONMENTS)
def test_lineage_shows_models_with_their_parents_at_once(
    platform: Platform, reckoning: Reckoning, environment_id: int
) -> None:
    manifest = reckoning.manifest(environment_id)
    found = lineage(platform, environment_id, types=["Model"])
    assert set(found) == set(kind(manifest, "model"))
    for name, node in found.items():
        assert set(node["parentIds"]) == set(manifest["parent_map"][name])
        assert (node["__typename"], node["resourceType"]) == ("ModelLineageNode", "Model")
        history = reckoning.history(environment_id, name)
        assert node["lastRunStatus"] == (history[0].status if history else None)
        tests = [each for each in manifest["child_map"][name] if each.startswith(("test.", "unit_test."))]
        results = {
            reckoning.history(environment_id, each)[0].status
            for each in tests
            if reckoning.history(environment_id, each)
        }
        worst = next((status for status in ("error", "fail", "warn", "pass", "skipped") if status in results), None)
        assert node["worstTestStatus"] == worst


def test_lineage_without_types_holds_every_kind(platform: Platform, reckoning: Reckoning) -> None:
    manifest = reckoning.manifest(203001)
    kinds = Counter(node["resourceType"] for node in lineage(platform, 203001).values())
    assert kinds["Macro"] == len(manifest["macros"])
    assert kinds["Source"] == len(manifest["sources"])
    assert kinds["Test"] == len(kind(manifest, "test")) + len(manifest["unit_tests"])


@pytest.mark.parametrize(
    ("select", "exclude", "expected"),
    [
        ("tag:hourly", None, lambda m: {n for n, node in m.items() if "hourly" in node["tags"]}),
        ("tag:hourly tag:pii", None, lambda m: {n for n, node in m.items() if {"hourly", "pii"} & set(node["tags"])}),
        (
            "tag:daily,path:models/staging",
            None,
            lambda m: {
                n
                for n, node in m.items()
                if "daily" in node["tags"] and node["original_file_path"].startswith("models/staging/")
            },
        ),
        (
            "config.materialized:view",
            None,
            lambda m: {n for n, node in m.items() if node["config"]["materialized"] == "view"},
        ),
        ("package:common", None, lambda m: {"model.common.dim_dates"}),
        ("fct_*", None, lambda m: {n for n, node in m.items() if node["name"].startswith("fct_")}),
        ("finance.marts", None, lambda m: {n for n, node in m.items() if node["fqn"][:2] == ["finance", "marts"]}),
        (
            None,
            "path:models/marts",
            lambda m: {n for n, node in m.items() if not node["original_file_path"].startswith("models/marts/")},
        ),
        ("fct_invoices", "tag:daily tag:hourly", lambda m: set()),
        ("group:finance_team", None, lambda m: {n for n, node in m.items() if node["group"] == "finance_team"}),
        ("access:private", None, lambda m: {n for n, node in m.items() if node["access"] == "private"}),
        ("resource_type:seed", None, lambda m: set()),
    ],
)
def test_lineage_understands_selectors(
    platform: Platform, reckoning: Reckoning, select: str | None, exclude: str | None, expected: Any
) -> None:
    models = kind(reckoning.manifest(201001), "model")
    found = set(lineage(platform, 201001, types=["Model"], select=select, exclude=exclude))
    assert found == expected(models)


def test_selectors_follow_the_graph(platform: Platform, reckoning: Reckoning) -> None:
    manifest = reckoning.manifest(201001)
    name = "model.finance.fct_invoices"
    up = upstream(manifest, name, "model.") | {name}
    assert set(lineage(platform, 201001, types=["Model"], select="+fct_invoices")) == up
    near = {each for each in manifest["parent_map"][name] if each.startswith("model.")} | {name}
    assert set(lineage(platform, 201001, types=["Model"], select="1+fct_invoices")) == near
    below = {each for each in manifest["child_map"][name] if each.startswith("model.")} | {name}
    assert set(lineage(platform, 201001, types=["Model"], select="fct_invoices+1")) == below
    everything_needed = set(lineage(platform, 201001, types=["Model"], select="@fct_invoices"))
    assert everything_needed >= up | below


@pytest.mark.parametrize("select", ["source_status:fresher", "tag:daily++", "state:sideways"])
def test_a_selector_that_artifacts_cannot_answer_is_a_coded_error(platform: Platform, select: str) -> None:
    [error] = platform.errors(LINEAGE, id=201001, filter={"select": select})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


def test_the_catalog_shows_the_columns_of_the_newest_documentation_run(
    platform: Platform, reckoning: Reckoning
) -> None:
    for environment_id in (202001, 203001):
        command = [each for each in reckoning.commands_of(environment_id) if "catalog" in each.files][-1]
        catalog = command.files["catalog"]["nodes"]
        fields = """catalog { type owner runId jobDefinitionId runGeneratedAt rowCountStat stats { id value }
          columns { name index type } }"""
        for name, model in listed(platform, environment_id, "models", fields).items():
            if name not in catalog:
                assert model["catalog"] is None or model["catalog"]["runId"] < command.run["id"]
                continue
            table, found = catalog[name], model["catalog"]
            assert (found["runId"], found["type"]) == (command.run["id"], table["metadata"]["type"])
            columns = sorted(table["columns"].values(), key=lambda column: column["index"])
            assert found["columns"] == [{"name": c["name"], "index": c["index"], "type": c["type"]} for c in columns]
            assert [stat["id"] for stat in found["stats"]] == [stat["id"] for stat in table["stats"].values()]
            assert found["rowCountStat"] is None


def test_a_versioned_model_lists_its_versions(platform: Platform) -> None:
    fields = "version latestVersion releaseVersion versions { uniqueId releaseVersion name }"
    found = listed(platform, 201001, "models", fields)
    first, second = found["model.finance.dim_customers.v1"], found["model.finance.dim_customers.v2"]
    assert {first["version"], second["version"]} == {"1", "2"}
    assert first["versions"] == second["versions"]
    assert [each["uniqueId"] for each in first["versions"]] == [first["uniqueId"], second["uniqueId"]]
    assert {each["uniqueId"]: each["releaseVersion"] for each in first["versions"]} == {
        first["uniqueId"]: first["releaseVersion"],
        second["uniqueId"]: second["releaseVersion"],
    }
    assert found["model.finance.fct_invoices"]["releaseVersion"] == "none"


def test_every_kind_is_listed_in_a_run(platform: Platform, reckoning: Reckoning) -> None:
    query = """query ($job: BigInt!) { job(id: $job) { runId
      sources { uniqueId state freshnessChecked maxLoadedAt criteria { warnAfter { count } } }
      seeds { uniqueId status executionTime thread_id } snapshots { uniqueId status }
      tests { uniqueId status state fail warn skip error dependsOn columnName }
      exposures { uniqueId ownerName status parents { uniqueId __typename } parentsModels { uniqueId } }
      macros(first: 20) { uniqueId macroSql paginationCursor } metrics { uniqueId } } }"""
    job = platform.ask(query, job=303001)["job"]
    commands = [command for command in reckoning.commands if command.run["id"] == job["runId"]]
    manifest = commands[-1].files["manifest"]
    executed = {result["unique_id"]: result for command in commands for result in command.results}
    checked = {
        result["unique_id"]: result
        for command in commands
        for result in command.files.get("sources", {}).get("results", [])
    }
    assert {each["uniqueId"]: each["state"] for each in job["sources"]} == {
        name: FRESHNESS[checked[name]["status"]] if name in checked else None for name in manifest["sources"]
    }
    for field in ("seeds", "snapshots", "tests"):
        assert {each["uniqueId"]: each["status"] for each in job[field]} == {
            name: executed[name]["status"] if name in executed else None
            for name in kind(manifest, field.removesuffix("s"))
        }
    for test in job["tests"]:
        assert test["fail"] == (test["status"] == "fail" if test["status"] else None)
        assert test["state"] == test["status"]
    [exposure] = job["exposures"]
    assert {each["uniqueId"] for each in exposure["parents"]} == set(
        manifest["exposures"][exposure["uniqueId"]]["depends_on"]["nodes"]
    )
    assert {each["__typename"] for each in exposure["parents"]} == {"ModelNode"}
    assert [each["uniqueId"] for each in job["macros"]] == sorted(manifest["macros"])[:20]
    assert job["metrics"] == []


def test_the_older_roots_answer_like_the_job(platform: Platform) -> None:
    new = platform.ask("""{ job(id: 303001) { models { uniqueId status } tests { uniqueId }
      source(uniqueId: "source.logistics.wms.raw_events") { state } } }""")["job"]
    old = platform.ask("""{ models(jobId: 303001) { uniqueId status } tests(jobId: 303001) { uniqueId }
      source(jobId: 303001, uniqueId: "source.logistics.wms.raw_events") { state } }""")
    assert old == new
    nothing = platform.ask('{ models(jobId: 1) { uniqueId } model(jobId: 1, uniqueId: "x") { uniqueId } }')
    assert nothing == {"models": [], "model": None}


def test_a_compile_only_run_still_shows_compiled_code(platform: Platform, reckoning: Reckoning) -> None:
    job = platform.ask("{ job(id: 303003) { runId models { uniqueId compiledCode status } } }")["job"]
    [command] = [each for each in reckoning.commands if each.run["id"] == job["runId"]]
    compiled = {result["unique_id"]: result["compiled_code"] for result in command.files["run_results"]["results"]}
    assert json.loads(json.dumps({each["uniqueId"]: each["compiledCode"] for each in job["models"]})) == {
        each["uniqueId"]: compiled.get(each["uniqueId"]) for each in job["models"]
    }
    assert any(each["compiledCode"] for each in job["models"])
