"""`gateway doctor` over stand-ins and over the local platform: what it finds, that it changes and betrays nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from starlette.types import ASGIApp

from gateway.archive.archive import Archive
from gateway.cli.commands import command_of
from gateway.cli.options import build_parser
from gateway.doctor.examination import examine
from gateway.doctor.report import DoctorReport
from gateway.errors import ConfigurationError
from gateway.local_platform.app import create_platform
from tests.dbt_cloud.account import ACCOUNT, FIRST_RUN
from tests.dbt_cloud.gateways import CONFIGURED, upstream_of
from tests.dbt_cloud.stand_in import StandIn

SECRET = "dbtc_not-for-reports-4711"


async def report_on(*switches: str, configured: bool = False) -> DoctorReport:
    return await examine(upstream_of(StandIn(*switches), CONFIGURED if configured else ()))


def states(report: DoctorReport) -> dict[str, str]:
    return {check.name: check.state.value for check in report.checks if check.state.value != "ok"}


@pytest.mark.slow
async def test_a_healthy_account() -> None:
    dbt = StandIn()
    report = await examine(upstream_of(dbt))
    assert report.works
    assert states(report) == {}
    assert dbt.methods == {("POST", "discovery"), ("GET", "admin")}, "it changes nothing"
    by_name = {check.name: check for check in report.checks}
    assert by_name["models"].details["models"] == {"1101": 4, "1102": 1, "1201": 2}
    assert "environment 1101 (marked in dbt)" in by_name["projects"].text
    assert "24 runs" in by_name["histories"].text
    # Two production environments: a document of headers, one of both lists, and one of histories for each.
    assert by_name["costs"].details == {"projects": 1, "allModels": 2, "allHistories": 4, "lineage": 2, "jobs": 1}
    assert by_name["schema"].details == {"known": True, "missing": [], "undocumented": []}
    assert by_name["limits"].details["statuses"] == {"200": sum(dbt.calls.values())}
    assert "dbt reports none in its headers" in by_name["limits"].text
    assert by_name["token: a run"].text == f"run {FIRST_RUN + 200} may be read, with 0 steps"
    assert sum(dbt.calls.values()) <= 22


@pytest.mark.slow
async def test_what_a_cell_lacks_is_named_and_what_it_has_beyond_is_counted() -> None:
    """All of it, though the examination asks for little of it itself."""
    report = await examine(upstream_of(StandIn(without=[("TestNode", "invocationId"), ("ResourceNodeType", "Test")])))
    assert states(report) == {"schema": "partly"}
    (schema,) = [check for check in report.checks if check.name == "schema"]
    assert schema.details["missing"] == ["ResourceNodeType.Test", "TestNode.invocationId"]
    assert "dbt has no ResourceNodeType.Test, TestNode.invocationId;" in schema.text


@pytest.mark.slow
async def test_limits_that_are_met_are_shown() -> None:
    report = await report_on("rate limited")
    (limits,) = [check for check in report.checks if check.name == "limits"]
    assert limits.state.value == "partly"
    assert limits.details["headers"] == {"retry-after": "17"}
    assert limits.text.startswith("retry-after: 17;")
    cut = await report_on("histories refused")
    (limits,) = [check for check in cut.checks if check.name == "limits"]
    assert limits.text.endswith("histories end at 20 runs")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("switches", "expected", "notes"),
    [
        (("runs forbidden",), {"token: runs": "failed"}, set()),
        (("jobs forbidden",), {"token: jobs": "failed"}, set()),
        (("a job without environment",), {"token: jobs": "partly"}, set()),
        (("nothing decided",), {"projects": "partly"}, {"ENVIRONMENT_NOT_CHOSEN"}),
        (("one project",), {"token: discovery": "partly"}, set()),
        (("no applied state",), {"token: discovery": "partly"}, {"NO_APPLIED_STATE"}),
        (("histories refused",), {"histories": "partly"}, set()),
        (("no metadata of runs",), {"runs' models": "partly"}, {"NO_RUN_METADATA"}),
        (("no packages",), {"schema": "partly"}, {"FIELDS_UNKNOWN"}),
        (("no environments of the account", "no totals", "ids as text", "too complex"), {}, set()),
    ],
)
async def test_what_is_missing_is_named(switches: tuple[str, ...], expected: dict[str, str], notes: set[str]) -> None:
    report = await report_on(*switches)
    assert states(report) == expected
    assert {note.code for note in report.notes} == notes
    assert report.works == (not expected and not notes)


@pytest.mark.slow
async def test_a_token_for_metadata_only() -> None:
    """With projects in the configuration Discovery is looked at all the same; without, it cannot be."""
    with_projects = states(await report_on("admin forbidden", configured=True))
    refused = {f"token: {one}" for one in ("account", "projects", "environments", "jobs", "runs")}
    assert {name for name, state in with_projects.items() if state == "failed"} == refused
    assert with_projects["projects"] == "partly"
    without = await report_on("admin forbidden")
    assert states(without)["discovery"] == "skipped"
    (projects,) = [check for check in without.checks if check.name == "projects"]
    assert "[[projects]]" in projects.text


async def test_dbts_sentence_is_shown_without_the_address() -> None:
    report = await report_on("address refused")
    text = "\n".join(report.lines())
    assert "dbt says: The IP address … is not allowed to access this account" in text
    assert "203.0.113.9" not in text
    assert "IP restrictions" in text


@asynccontextmanager
async def on_a_socket(app: ASGIApp) -> AsyncIterator[str]:
    """An application at an address."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://dbt") as client:

        async def forward(request: web.Request) -> web.Response:
            headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
            answer = await client.request(
                request.method, str(request.rel_url), headers=headers, content=await request.read()
            )
            return web.Response(body=answer.content, status=answer.status_code)

        server_app = web.Application()
        server_app.router.add_route("*", "/{tail:.*}", forward)
        async with TestServer(server_app) as server:
            yield str(server.make_url("/")).rstrip("/")


async def diagnosed(url: str, account: int, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setenv("GATEWAY_DISCOVERY_URL", f"{url}/graphql")
    monkeypatch.setenv("GATEWAY_ADMIN_URL", url)
    monkeypatch.setenv("GATEWAY_ACCOUNT_ID", str(account))
    monkeypatch.setenv("GATEWAY_SERVICE_TOKEN", SECRET)
    return await asyncio.to_thread(command_of("doctor"), build_parser().parse_args(["doctor", *options]))


@pytest.mark.slow
async def test_the_command_over_the_local_platform(
    demo_store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = Archive.open(demo_store)
    try:
        async with on_a_socket(create_platform(archive, token=SECRET)) as url:
            assert await diagnosed(url, 70403103900042, monkeypatch) == 0
            shown = capsys.readouterr().out
            assert await diagnosed(url, 70403103900042, monkeypatch, "--json") == 0
            told = json.loads(capsys.readouterr().out)
    finally:
        archive.close()
    assert SECRET not in shown
    lines = shown.splitlines()
    assert (lines[0].split()[0], lines[-1]) == ("gateway", "Everything works.")
    assert len(lines) == len(told["checks"]) + 2, "a line for each check"
    assert told["works"] is True
    assert [check["state"] for check in told["checks"]] == ["ok"] * len(told["checks"])
    clock = next(check for check in told["checks"] if check["name"] == "clock")
    assert abs(clock["difference"]) < 5


@pytest.mark.slow
async def test_the_command_over_a_dbt_that_lacks_something(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with on_a_socket(StandIn("runs forbidden")) as url:
        assert await diagnosed(url, ACCOUNT, monkeypatch) == 1
    shown = capsys.readouterr().out
    assert "failed  token: runs" in shown
    assert "dbt says: You do not have permission to perform this action." in shown
    assert SECRET not in shown


def test_local_runs_have_nothing_to_ask() -> None:
    with pytest.raises(ConfigurationError, match="gateway doctor asks dbt Cloud"):
        command_of("doctor")(build_parser().parse_args(["doctor"]))
