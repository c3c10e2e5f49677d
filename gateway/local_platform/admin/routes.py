"""The Admin API's addresses. Each answers from one consistent view of the archive, in a worker thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select
from sqlalchemy.exc import DataError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gateway.archive.archive import Archive
from gateway.archive.reading.overridden_commands import overridden_commands
from gateway.archive.tables.run_order import NEWEST_FIRST
from gateway.archive.tables.run_tables import accounts, environments, jobs, projects, runs
from gateway.errors import ConfigurationError
from gateway.local_platform.admin import shapes
from gateway.local_platform.admin.artifacts import artifact_names, send_artifact
from gateway.local_platform.admin.envelope import AdminError, Listed, many, single
from gateway.local_platform.admin.listing import Found, ListedTable, find, related
from gateway.local_platform.admin.reading import (
    ENVIRONMENTS,
    JOBS,
    PROJECTS,
    RUNS,
    environment_shapes,
    find_one,
    find_step,
    job_shapes,
    project_shapes,
    run_shapes,
    run_steps,
)
from gateway.local_platform.failures import log_failures
from gateway.local_platform.worker_threads import in_worker

_log = logging.getLogger(__name__)

Handler = Callable[[Connection, Request], Response]


def admin_routes(archive: Archive) -> list[Route]:
    """Every address of the Admin API that the archive can answer, for v2 and v3 alike."""
    account = "/api/{version:str}/accounts/{account_id:int}"
    handlers: dict[str, Handler] = {
        "/api/{version:str}/whoami/": _whoami,
        "/api/{version:str}/accounts/": _accounts,
        f"{account}/": _account,
        f"{account}/users/": _users,
        f"{account}/projects/": _projects,
        f"{account}/projects/{{id:int}}/": _project,
        f"{account}/projects/{{project_id:int}}/environments/": _environments,
        f"{account}/projects/{{project_id:int}}/environments/{{id:int}}/": _environment,
        f"{account}/environments/": _environments,
        f"{account}/environments/{{id:int}}/": _environment,
        f"{account}/jobs/": _jobs,
        f"{account}/jobs/{{id:int}}/": _job,
        f"{account}/runs/": _runs,
        f"{account}/runs/{{id:int}}/": _run,
        f"{account}/steps/{{id:int}}/": _run_step,
        f"{account}/runs/{{id:int}}/artifacts/": _artifacts,
        f"{account}/runs/{{id:int}}/artifacts/{{path:path}}": _artifact_handler(archive),
        f"{account}/jobs/{{id:int}}/artifacts/{{path:path}}": _job_artifact_handler(archive),
    }
    return [Route(path, _endpoint(archive, handler), methods=["GET"]) for path, handler in handlers.items()]


def _endpoint(archive: Archive, handler: Handler) -> Callable[[Request], Any]:
    def answer(request: Request) -> Response:
        try:
            if request.path_params["version"] not in {"v2", "v3"}:
                raise AdminError(404, "The API has versions v2 and v3.")
            with archive.reading() as connection:
                return handler(connection, request)
        except AdminError as error:
            return error.response()
        except (DataError, OverflowError):
            return AdminError(400, "A value of this request is none that an archive could hold.").response()
        except ConfigurationError as unreadable:
            _log.error(unreadable.message)
            return AdminError(500, "The archive cannot be read; the platform's log says why.").response()
        except Exception as fault:  # of whatever kind: a damaged row meets the code anywhere
            log_failures(f"Answering {request.url.path}", [fault])
            return AdminError(500, "Internal server error; the platform's log says why.").response()

    async def endpoint(request: Request) -> Response:
        return await in_worker(answer, request)

    return endpoint


def _scope(connection: Connection, request: Request, table: Table) -> ColumnElement[bool]:
    """The rows of the account in the address. Raises AdminError (404) for an unknown account."""
    account_id = request.path_params["account_id"]
    find_one(connection, accounts, account_id)
    condition: ColumnElement[bool] = table.c.account_id == account_id
    return condition


def _whoami(_connection: Connection, _request: Request) -> Response:
    return single({"user": shapes.ONLY_USER})


def _users(connection: Connection, request: Request) -> Response:
    find_one(connection, accounts, request.path_params["account_id"])
    return many(Listed([shapes.ONLY_USER], 1, {}, "id"))


def _accounts(connection: Connection, _request: Request) -> Response:
    rows = connection.execute(select(accounts).order_by(accounts.c.id)).all()
    return many(Listed([shapes.account(row) for row in rows], len(rows), {}, "id"))


def _account(connection: Connection, request: Request) -> Response:
    return single(shapes.account(find_one(connection, accounts, request.path_params["account_id"])))


def _listed(page: Found, rows: list[dict[str, Any]]) -> Response:
    return many(Listed(rows, page.total, page.filters, page.order_by))


def _find(connection: Connection, request: Request, resource: ListedTable) -> Found:
    scope = [_scope(connection, request, resource.table)]
    if "project_id" in request.path_params:
        scope.append(resource.table.c.project_id == request.path_params["project_id"])
    page = find(connection, resource, request.query_params, *scope)
    of_path: dict[str, Any] = {
        name: request.path_params[name] for name in ("account_id", "project_id") if name in request.path_params
    }
    return replace(page, filters={**page.filters, **of_path})


def _projects(connection: Connection, request: Request) -> Response:
    page = _find(connection, request, PROJECTS)
    return _listed(page, project_shapes(connection, page.rows, request.query_params))


def _project(connection: Connection, request: Request) -> Response:
    scope = _scope(connection, request, projects)
    row = find_one(connection, projects, request.path_params["id"], scope)
    return single(project_shapes(connection, [row], request.query_params)[0])


def _environments(connection: Connection, request: Request) -> Response:
    page = _find(connection, request, ENVIRONMENTS)
    return _listed(page, environment_shapes(connection, page.rows))


def _environment(connection: Connection, request: Request) -> Response:
    scope = _scope(connection, request, environments)
    row = find_one(connection, environments, request.path_params["id"], scope)
    return single(environment_shapes(connection, [row])[0])


def _jobs(connection: Connection, request: Request) -> Response:
    page = _find(connection, request, JOBS)
    return _listed(page, job_shapes(connection, page.rows, request.query_params))


def _job(connection: Connection, request: Request) -> Response:
    row = find_one(connection, jobs, request.path_params["id"], _scope(connection, request, jobs))
    return single(job_shapes(connection, [row], request.query_params)[0])


def _runs(connection: Connection, request: Request) -> Response:
    page = _find(connection, request, RUNS)
    return _listed(page, run_shapes(connection, page.rows, request.query_params))


def _run(connection: Connection, request: Request) -> Response:
    row = find_one(connection, runs, request.path_params["id"], _scope(connection, request, runs))
    shown = run_shapes(connection, [row], request.query_params)[0]
    # dbt Cloud has these two in the answer about one run, asked for or not.
    shown["trigger"] = shapes.trigger(row, overridden_commands(connection, [row.id]).get(row.id))
    with_logs = not related(request.query_params).isdisjoint({"run_steps", "debug_logs"})
    shown["run_steps"] = run_steps(connection, row, with_logs=with_logs)
    return single(shown)


def _run_step(connection: Connection, request: Request) -> Response:
    return single(find_step(connection, request.path_params["id"], _scope(connection, request, runs)))


def _artifacts(connection: Connection, request: Request) -> Response:
    row = find_one(connection, runs, request.path_params["id"], _scope(connection, request, runs))
    return single(artifact_names(connection, row.id, _step(request)))


def _step(request: Request) -> int | None:
    step = request.query_params.get("step", "")
    return int(step) if step.isdecimal() and len(step) < 10 else None


def _artifact_handler(archive: Archive) -> Handler:
    def answer(connection: Connection, request: Request) -> Response:
        row = find_one(connection, runs, request.path_params["id"], _scope(connection, request, runs))
        return _file(archive, connection, request, row.id)

    return answer


def _job_artifact_handler(archive: Archive) -> Handler:
    def answer(connection: Connection, request: Request) -> Response:
        job = find_one(connection, jobs, request.path_params["id"], _scope(connection, request, jobs))
        newest = select(runs.c.id).where(runs.c.job_id == job.id, runs.c.status == 10)
        run_id = connection.scalar(newest.order_by(*NEWEST_FIRST).limit(1))
        return _file(archive, connection, request, run_id or 0)

    return answer


def _file(archive: Archive, connection: Connection, request: Request, run_id: int) -> Response:
    name = request.path_params["path"].strip("/")
    file = send_artifact(archive, connection, run_id, name, _step(request))
    return StreamingResponse(file.parts, headers={"Content-Length": str(file.size)}, media_type="application/json")
