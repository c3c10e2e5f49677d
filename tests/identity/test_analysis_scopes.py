"""What analyses of an account show a caller, who may see a part of it, and what arrives in parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
import pytest

from gateway.settings import Settings
from tests.identity.callers import Holder, known_to
from tests.serving import Gateway, serving

EVERYTHING = Holder("everything")
STOREFRONT = Holder("storefront", ("storefront",))
OTHERS = Holder("others", ("finance", "marketing", "logistics"))
WINDOW = 'since: "2026-02-01T00:00:00Z", until: "2026-03-20T00:00:00Z"'
FIELDS = f"""
  regressions(since: "2026-02-01T00:00:00Z", certainty: SUSPECTED, first: 100) {{ totalCount nodes {{ id job {{ id }} }}
  }}
  flaky(since: "2026-02-01T00:00:00Z") {{ uniqueId rate }}
  incidents(since: "2026-02-01T00:00:00Z", first: 500) {{ totalCount nodes {{ uniqueId }} }}
  wastedBuilds({WINDOW}, first: 500) {{ models {{ uniqueId certainty buildCount model {{ id }} }} }}
  concurrency({WINDOW}, bucketMinutes: 1440) {{ jobs {{ jobId queue {{ count }} }} }}
  weightedSeconds(by: PROJECT, {WINDOW}) {{ key weightedSeconds isIdle }}"""
JOBS = "{ account { projects { nodes { id jobs(first: 100) { nodes { id } } } } } }"
DEFERRED = f"{{ account {{ id ... @defer {{ {FIELDS} }} }} }}"


@pytest.fixture(scope="module")
async def account(demo_store: str) -> AsyncIterator[Gateway]:
    settings = Settings(store_url=demo_store, history_source="archive")
    async with serving(known_to(settings, EVERYTHING, STOREFRONT, OTHERS)) as opened:
        yield opened


def of_project(unique_id: str) -> str:
    return unique_id.split(".")[1]


def seen_by(holder: Holder, analyses: Mapping[str, Any], jobs: Mapping[str, str]) -> dict[str, Any]:
    """What is left of the analyses of the whole account; `jobs`: the project of each."""
    regressions = [
        change for change in analyses["regressions"]["nodes"] if jobs[change["job"]["id"]] in holder.projects
    ]
    incidents = [node for node in analyses["incidents"]["nodes"] if of_project(node["uniqueId"]) in holder.projects]
    return {
        "regressions": {"nodes": regressions, "totalCount": len(regressions)},
        "flaky": [node for node in analyses["flaky"] if of_project(node["uniqueId"]) in holder.projects],
        "incidents": {"totalCount": len(incidents), "nodes": incidents},
        "wastedBuilds": {
            "models": [
                model
                for model in analyses["wastedBuilds"]["models"]
                if model["model"]["id"].partition(".")[0] in holder.projects
            ]
        },
        "concurrency": {
            "jobs": [job for job in analyses["concurrency"]["jobs"] if jobs[job["jobId"]] in holder.projects]
        },
        "weightedSeconds": [
            group for group in analyses["weightedSeconds"] if group["key"] in holder.projects and not group["isIdle"]
        ],
    }


@pytest.mark.slow
async def test_a_caller_sees_the_analyses_of_their_projects_alone(account: Gateway) -> None:
    whole = (await EVERYTHING.ask(account, f"{{ account {{ {FIELDS} }} }}")).data["account"]
    listed = (await EVERYTHING.ask(account, JOBS)).data["account"]["projects"]["nodes"]
    jobs = {job["id"]: project["id"] for project in listed for job in project["jobs"]["nodes"]}
    kept = {"regressions": 0, "flaky": 0, "incidents": 0, "wastedBuilds": 0, "concurrency": 0, "weightedSeconds": 0}
    for holder in (STOREFRONT, OTHERS):
        reply = await holder.ask(account, f"{{ account {{ {FIELDS} }} }}")
        assert reply.errors == []
        seen = reply.data["account"]
        seen["weightedSeconds"] = [group for group in seen["weightedSeconds"] if not group["isIdle"]]
        expected = seen_by(holder, whole, jobs)
        for name in kept:
            assert seen[name] == expected[name], (holder.name, name)
            kept[name] += expected[name] != seen_by(Holder("nobody", ()), whole, jobs)[name]
    assert all(kept.values()), "the demo has something of each"


async def test_analyses_that_arrive_in_parts_are_the_same(account: Gateway) -> None:
    whole = await EVERYTHING.ask(account, f"{{ account {{ id {FIELDS} }} }}")
    accept = "multipart/mixed;deferSpec=20220824"
    headers = {"X-API-Key": EVERYTHING.key, "Accept": accept}
    reply = await account.client.post("/graphql", json={"query": DEFERRED}, headers=headers)
    assert reply.headers["content-type"].startswith("multipart/mixed")
    parts = [decoded(part) for part in reply.text.split("\r\n---") if "\r\n\r\n" in part]
    first, *rest = parts
    assert list(first["data"]["account"]) == ["id"]
    merged = dict(first["data"]["account"])
    for part in rest:
        for increment in part.get("incremental", ()):
            assert increment["path"] == ["account"]
            merged |= increment["data"]
    assert merged == whole.data["account"]


def decoded(part: str) -> Any:
    """The JSON of a part of a multipart body."""
    return msgspec.json.decode(part.partition("\r\n\r\n")[2])
