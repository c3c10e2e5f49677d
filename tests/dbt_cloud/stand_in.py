"""dbt Cloud's two APIs over a small account, and switches that make them answer as real ones have been seen to, or may.

Every answer is made from the account's facts and the documented schema; nothing in it was recorded.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    EnumTypeDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    Visitor,
    build_ast_schema,
    execute_sync,
    parse,
    validate,
    visit,
)
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tests.dbt_cloud import other_nodes, shapes
from tests.dbt_cloud.account import (
    ACCOUNT,
    FINANCE,
    GROWTH_PRODUCTION,
    PRODUCTION,
    SPARE,
    WEEKLY,
    AccountFacts,
    Environment,
    Job,
    Run,
)

SCHEMA = Path(__file__).parents[2] / "gateway" / "local_platform" / "discovery.graphql"

SWITCHES = (
    # Which environment is production.
    *("nothing marked", "nothing decided", "staging unmarked"),
    # What the Admin API's lists look like.
    *("a job without environment", "no totals", "an odd run", "ids as text", "times with T", "times with Z"),
    *("times without offset", "no environments of the account", "environments of projects only"),
    # What the token may.
    *("admin forbidden", "admin unknown token", "jobs forbidden", "runs forbidden", "environments forbidden"),
    "one project",
    # What Discovery has.
    *("no applied state", "never built", "no metadata of runs", "no paginationCursor", "no packages"),
    *("no lastUpdatedAt", "histories refused", "histories cut", "slow histories", "too complex"),
    # How both refuse.
    *("address refused", "token refused in a 200", "rate limited"),
)

_FIELDS = {
    "no paginationCursor": (("*", "paginationCursor"),),
    "no packages": (("*", "packages"),),
    "no lastUpdatedAt": (("*", "lastUpdatedAt"),),
}
_ADDRESS = "The IP address 203.0.113.9 is not allowed to access this account"


Coordinate = tuple[str, str]
"""A type, or * for any, and a field of it."""


class _Without(Visitor):
    def __init__(self, missing: frozenset[Coordinate]) -> None:
        super().__init__()
        self._missing = missing

    def _reduced(self, node: Any, *_: Any) -> Any:
        kept = [
            field
            for field in node.fields or ()
            if not {(node.name.value, field.name.value), ("*", field.name.value)} & self._missing
        ]
        return replace(node, fields=tuple(kept))

    enter_object_type_definition = enter_interface_type_definition = _reduced

    def enter_enum_type_definition(self, node: EnumTypeDefinitionNode, *_: Any) -> Any:
        kept = [one for one in node.values or () if (node.name.value, one.name.value) not in self._missing]
        return replace(node, values=tuple(kept))


@cache
def discovery_schema(missing: frozenset[Coordinate] = frozenset()) -> GraphQLSchema:
    """The documented schema without some fields."""
    document = visit(parse(SCHEMA.read_text("utf-8")), _Without(missing))
    return build_ast_schema(document, assume_valid=True)


class StandIn:
    """An ASGI application. `calls` counts what was asked, by operation or path. Histories are cut, or refused, beyond
    `cap` runs; those of the environment `heavy` are answered one at a time. Its schema lacks the fields `without`."""

    def __init__(
        self,
        *switches: str,
        facts: AccountFacts | None = None,
        cap: int = 20,
        heavy: int = 0,
        without: Collection[Coordinate] = (),
    ) -> None:
        assert set(switches) <= set(SWITCHES), set(switches) - set(SWITCHES)
        self.on = frozenset(switches)
        self.cap = cap
        self.heavy = heavy
        self.calls: Counter[str] = Counter()
        self.histories: list[int] = []
        self.documents: set[str] = set()
        self.methods: set[tuple[str, str]] = set()
        self.facts = facts or AccountFacts()
        self._change_facts()
        missing = frozenset(one for switch in self.on for one in _FIELDS.get(switch, ()))
        self._schema = discovery_schema(missing | frozenset(without))
        self._style = next((s.split()[-1].lower() for s in self.on if s in ("times with T", "times with Z")), "space")
        if "times without offset" in self.on:
            self._style = "none"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.methods.add((request.method, "discovery" if request.url.path == "/graphql" else "admin"))
        answer = self._refusal() or (
            await self._discovery(request) if request.url.path == "/graphql" else self._admin(request)
        )
        await answer(scope, receive, send)

    def _change_facts(self) -> None:
        facts = self.facts
        if self.on & {"nothing marked", "nothing decided"}:
            facts.environments = [
                replace(one, deployment=None) if one.id == PRODUCTION else one for one in facts.environments
            ]
            facts.environments.append(Environment(SPARE, "Old", FINANCE, "deployment", None, "finance"))
        if "nothing decided" in self.on:
            facts.jobs.append(Job(5003, "old daily", SPARE, FINANCE, "scheduled"))
        if "staging unmarked" in self.on:
            facts.environments = [
                replace(one, deployment=None) if one.id == PRODUCTION else one for one in facts.environments
            ]

    def _refusal(self) -> Response | None:
        if "address refused" in self.on:
            return JSONResponse({"status": {"code": 403, "user_message": _ADDRESS}, "data": None}, 403)
        if "token refused in a 200" in self.on:
            return JSONResponse({"errors": [{"message": "No token was provided."}]})
        if "rate limited" in self.on:
            return JSONResponse({"errors": []}, 429, headers={"x-rate-limit-retry-after-seconds": "17"})
        return None

    # Discovery

    async def _discovery(self, request: Request) -> Response:
        asked = json.loads(await request.body())
        document = parse(asked["query"])
        self.documents.add(asked["query"])
        self.calls[asked.get("operationName") or "anonymous"] += 1
        problems = validate(self._schema, document)
        if problems:
            return JSONResponse({"errors": [problem.formatted for problem in problems]}, 400)
        histories = asked["query"].count("modelHistoricalRuns(")
        if histories:
            self.histories.append(histories)
        if histories > 1 and self.heavy in (asked.get("variables") or {}).values():
            return Response("<html>504 Gateway Time-out</html>", 504)
        if "slow histories" in self.on and histories > 2:
            return Response("<html>504 Gateway Time-out</html>", 504)
        if "too complex" in self.on and _roots(document) > 1:
            problem = {
                "message": "This query exceeds the complexity limit",
                "extensions": {"code": "COMPLEXITY_EXCEEDED"},
            }
            return JSONResponse({"errors": [problem]}, 400)
        found = execute_sync(self._schema, document, self._root(), variable_values=asked.get("variables"))
        return JSONResponse(found.formatted)

    def _root(self) -> Mapping[str, Any]:
        def environment(info: Any, id: Any, **_: Any) -> Any:
            one = next((one for one in self.facts.environments if one.id == int(id)), None)
            if one is None:
                raise GraphQLError(f"Environment {id} not found")
            if "one project" in self.on and one.project != FINANCE:
                raise shapes.forbidden()
            return self._environment(one)

        return {"environment": environment, "job": self._job}

    def _environment(self, one: Environment) -> shapes.Node:
        is_empty = not one.models or ("no applied state" in self.on and one.id == GROWTH_PRODUCTION)
        groups = shapes.connection([], {})
        return {
            "dbtProjectName": one.dbt_project,
            "adapterType": "snowflake",
            "applied": None if is_empty else self._applied(one),
            "definition": {"groups": lambda info, **_: groups},
        }

    def _applied(self, one: Environment) -> shapes.Node:
        models = [
            shapes.applied_model(self.facts, one, model)
            | {"tests": other_nodes.nested_tests(self.facts, one, model.unique_id)}
            for model in one.models
        ]
        if "never built" in self.on:
            models = [model | {"executionInfo": None} for model in models]
        sources = other_nodes.applied_sources(self.facts, one)
        return {
            "lastUpdatedAt": "2026-10-01T00:00:00.000Z",
            "packages": lambda info, **_: sorted({model.package for model in one.models}),
            "models": lambda info, **arguments: shapes.connection(models, arguments),
            "sources": lambda info, **arguments: shapes.connection(sources, arguments),
            "lineage": lambda info, filter: other_nodes.lineage(one, filter.get("types")),
            "modelHistoricalRuns": self._historical_runs(one),
        }

    def _historical_runs(self, one: Environment) -> Callable[..., list[shapes.Node]]:
        def runs(info: Any, **arguments: Any) -> list[shapes.Node]:
            count, unique_id = arguments.get("lastRunCount", 1), arguments["uniqueId"]
            if "histories refused" in self.on and count > self.cap:
                raise GraphQLError(f"lastRunCount must be at most {self.cap}")
            most = min(count, self.cap) if "histories cut" in self.on else count
            model = next((model for model in one.models if model.unique_id == unique_id), None)
            history = self.facts.history(one.id, unique_id)[:most]
            return [shapes.run_model(run, model, result) for run, result in history] if model else []

        return runs

    def _job(self, info: Any, id: Any, **arguments: Any) -> shapes.Node | None:
        asked = arguments.get("runId")
        runs = [run for run in self.facts.runs if run.job == int(id) and (asked is None or run.id == int(asked))]
        if not runs or "no metadata of runs" in self.on or not runs[-1].results:
            return None
        run = runs[-1]
        models = self._models_of(run)
        return {
            "id": run.job,
            "runId": run.id,
            "models": self._listed(models),
            "model": lambda info, **which: next((one for one in models if one["uniqueId"] == which["uniqueId"]), None),
            **{name: self._listed(nodes) for name, nodes in self._others_of(run).items()},
        }

    def _others_of(self, run: Run) -> Mapping[str, list[shapes.Node]]:
        (environment,) = [one for one in self.facts.environments if one.id == run.environment]
        return other_nodes.listed_nodes(run, environment)

    def _listed(self, nodes: list[shapes.Node]) -> Callable[..., list[shapes.Node]]:
        return lambda info, first=None, after=None, **_: _rows(nodes, first, after)

    def _models_of(self, run: Run) -> list[shapes.Node]:
        done = {result.unique_id: result for result in run.results}
        (environment,) = [one for one in self.facts.environments if one.id == run.environment]
        return [
            shapes.run_model(run, model, done.get(model.unique_id), f"cursor:{model.unique_id}")
            for model in environment.models
        ]

    # Admin

    def _admin(self, request: Request) -> Response:
        match = re.fullmatch(rf"/api/(v\d)/accounts/{ACCOUNT}(/.*)", request.url.path)
        if match is None:
            return _problem(404, "The requested resource was not found.")
        version, path = match.groups()
        self.calls[f"{version} {re.sub(r'[0-9]+', '#', path)}"] += 1
        refused = self._admin_refusal(version, path)
        if refused is not None:
            return refused
        rows = self._list(version, path, request.query_params)
        if rows is not None:
            return self._page(rows, path, request.query_params)
        return self._single(path)

    def _admin_refusal(self, version: str, path: str) -> Response | None:
        if "admin unknown token" in self.on:
            return _problem(401, "Invalid token.")
        forbidden = {"jobs forbidden": "/jobs", "runs forbidden": "/runs", "environments forbidden": "/environments"}
        if "admin forbidden" in self.on or any(s in self.on and path.startswith(p) for s, p in forbidden.items()):
            return _problem(403, "You do not have permission to perform this action.")
        if path == "/environments/":
            gone = {"no environments of the account": {"v3"}, "environments of projects only": {"v2", "v3"}}
            if any(switch in self.on and version in versions for switch, versions in gone.items()):
                return _problem(404, "The requested resource was not found.")
        return None

    def _list(self, version: str, path: str, query: Mapping[str, str]) -> list[shapes.Node] | None:
        facts = self.facts
        if path == "/projects/":
            return [shapes.project_row(number, name) for number, name in facts.projects.items()]
        of_project = re.fullmatch(r"/projects/(\d+)/environments/", path)
        if path == "/environments/" or of_project:
            number = int(of_project.group(1)) if of_project else None
            return [shapes.environment_row(one) for one in facts.environments if number in (None, one.project)]
        if path == "/jobs/":
            return [self._job_row(job) for job in facts.jobs]
        if path == "/runs/":
            return [self._run_row(run) for run in _selected(facts.runs, query)]
        return None

    def _job_row(self, job: Job) -> shapes.Node:
        row = shapes.job_row(job, self.facts, self._style)
        if "a job without environment" in self.on and job.id == WEEKLY:
            row["environment_id"] = None
        return row

    def _run_row(self, run: Run) -> shapes.Node:
        row = shapes.run_row(run, self._style)
        if "an odd run" in self.on and run.id == self.facts.runs[0].id:
            row["status"] = None
        return row

    def _page(self, rows: list[shapes.Node], path: str, query: Mapping[str, str]) -> Response:
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", 100))
        page = rows[offset : offset + limit]
        if "ids as text" in self.on:
            page = [_with_text_ids(row) for row in page]
        body: dict[str, Any] = {"status": _STATUS, "data": page}
        if "no totals" not in self.on:
            body["extra"] = {
                "filters": {},
                "order_by": "id",
                "pagination": {"count": len(page), "total_count": len(rows)},
            }
        return JSONResponse(body)

    def _single(self, path: str) -> Response:
        row: shapes.Node | None = None
        if path == "/":
            row = {"id": ACCOUNT, "name": "Example", "plan": "enterprise", "state": 1}
        found = re.fullmatch(r"/runs/(\d+)/", path)
        if found:
            row = next((self._run_row(run) for run in self.facts.runs if run.id == int(found.group(1))), None)
        if row is None:
            return _problem(404, "The requested resource was not found.")
        return JSONResponse({"status": _STATUS, "data": _with_text_ids(row) if "ids as text" in self.on else row})


_STATUS = {"code": 200, "is_success": True, "user_message": "Success!", "developer_message": ""}


def _problem(code: int, message: str) -> Response:
    status = {"code": code, "is_success": False, "user_message": message, "developer_message": ""}
    return JSONResponse({"status": status, "data": None}, code)


def _with_text_ids(row: shapes.Node) -> shapes.Node:
    return {
        name: str(value) if (name == "id" or name.endswith("_id")) and isinstance(value, int) else value
        for name, value in row.items()
    }


def _roots(document: DocumentNode) -> int:
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    return sum(len(one.selection_set.selections) for one in operations)


def _rows(models: list[shapes.Node], first: int | None, after: str | None) -> list[shapes.Node]:
    names = [model["paginationCursor"] for model in models]
    start = names.index(after) + 1 if after else 0
    return models[start : None if first is None else start + first]


def _selected(runs: list[Run], query: Mapping[str, str]) -> Iterator[Run]:
    order = query.get("order_by", "id")
    if order.endswith("finished_at"):
        key: Callable[[Run], Any] = lambda run: (run.finished is not None, run.finished and run.finished.timestamp())  # noqa: E731
    else:
        key = lambda run: run.id  # noqa: E731
    for run in sorted(runs, key=key, reverse=order.startswith("-")):
        if "job_definition_id" in query and str(run.job) != query["job_definition_id"]:
            continue
        if "environment_id" in query and str(run.environment) != query["environment_id"]:
            continue
        if "status__in" in query and run.code not in json.loads(query["status__in"]):
            continue
        if "pk__in" in query and run.id not in json.loads(query["pk__in"]):
            continue
        yield run
