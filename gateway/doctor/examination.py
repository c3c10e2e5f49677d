"""Asks dbt's two APIs for one of each thing the gateway needs, and says what came back.

Nothing is changed: every request is a GET or a query. Nothing that is shown is secret: addresses, ids, names, counts,
times, and dbt's own sentence where it refuses.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import gateway
from gateway.doctor.report import Check, DoctorReport, State
from gateway.doctor.schema_check import differences, documented, schema_of
from gateway.doctor.watching import WatchedTransport
from gateway.errors import GatewayError, UpstreamRefused
from gateway.hierarchy.objects.project import DeploymentEnvironment, Environment
from gateway.services.admin.admin_api import AdminApi
from gateway.services.admin.admin_facts import Topology
from gateway.services.admin.environment_list import EnvironmentList
from gateway.services.admin.list_reading import ListReading
from gateway.services.bundle import CachePolicy, Services, Upstream, build_services, open_query
from gateway.services.discovery.base_query import BaseQuery, BatchOperation, environment_lookups
from gateway.services.environments.environment_service import EnvironmentHeader
from gateway.services.rows.admin_types import AdminAccount, AdminJob, AdminProject, AdminRun
from gateway.services.rows.discovery_types import PagedEnvironment, RuntimeRow
from gateway.services.runs.model_histories import HistoryKey, read_histories
from gateway.services.runs.run_rows import RunKey
from gateway.telemetry.upstream_note import in_order
from gateway.telemetry.usage import Usage, measuring

_LONGEST_HISTORY = 100
# dbt's clock may be a little off, and answers take their time.
_CLOCK_SECONDS = 5.0
_PAGE = 500
_PER_MINUTE = 500
"""How many requests dbt's documentation allows for Discovery."""

_MODELS = BatchOperation(
    "DoctorModels",
    "fragment Page on ModelAppliedStateNodeConnection {"
    " totalCount edges { node { uniqueId executionInfo { executionTime } } } }",
    PagedEnvironment[RuntimeRow],
)

Look = Callable[[], Awaitable[tuple[str, Mapping[str, Any]]]]
"""Makes a check: what to say of it, and details for programs. Raises GatewayError, or _Partly."""


class _Partly(Exception):
    def __init__(self, text: str, details: Mapping[str, Any]) -> None:
        super().__init__(text)
        self.text = text
        self.details = details


@dataclass(slots=True)
class _Examination:
    """What has been found so far."""

    upstream: Upstream
    services: Services
    query: BaseQuery
    usage: Usage = field(default_factory=Usage)
    checks: list[Check] = field(default_factory=list)
    newest_run: AdminRun | None = None
    topology: Topology | None = None
    models: dict[int, tuple[int, str | None]] = field(default_factory=dict)

    async def look(self, name: str, look: Look) -> None:
        """Makes one check and notes how it ended and what it cost."""
        began = time.perf_counter()
        before = self.usage.discovery_requests + self.usage.admin_requests
        code: str | None = None
        details: Mapping[str, Any] = {}
        try:
            text, details = await look()
            state = State.OK
        except _Partly as partly:
            state, text, details = State.PARTLY, partly.text, partly.details
        except GatewayError as failure:
            state, code, text = State.FAILED, failure.code, problem_text(failure)
        requests = self.usage.discovery_requests + self.usage.admin_requests - before
        self.checks.append(Check(name, state, text, code, requests, time.perf_counter() - began, details))

    def skip(self, name: str, text: str) -> None:
        self.checks.append(Check(name, State.SKIPPED, text))


def problem_text(failure: GatewayError) -> str:
    """A failure with its code and dbt's own sentence."""
    words = failure.words if isinstance(failure, UpstreamRefused) else None
    return f"{failure.code}: {failure.message}" + (f" dbt says: {words}" if words else "")


async def examine(upstream: Upstream) -> DoctorReport:
    """Looks at everything, whatever fails on the way."""
    watched = WatchedTransport(upstream.transport)
    upstream = replace(upstream, transport=watched)
    async with open_query(upstream) as query:
        examination = _Examination(upstream, build_services(query, upstream, CachePolicy()), query)
        with measuring(examination.usage):
            examination.checks.append(_addresses(upstream))
            await _look_at_admin(examination)
            await examination.look("projects", lambda: _projects(examination))
            await _look_at_discovery(examination)
            await examination.look("schema", lambda: _schema(upstream))
            examination.checks.append(_limits(watched, query))
            examination.checks.append(_clock(watched.clock_seconds))
            examination.checks.append(_costs(examination))
        notes = examination.usage.upstream_notes | set(query.notes())
        return DoctorReport(gateway.__version__, examination.checks, in_order(notes))


def _addresses(upstream: Upstream) -> Check:
    discovery = urlsplit(upstream.discovery_url)
    admin = urlsplit(upstream.admin_url).netloc if upstream.admin_url else None
    text = f"Discovery {discovery.netloc}{discovery.path}, Admin {admin or 'none'}, account {upstream.account_id}"
    return Check("addresses", State.OK, text)


async def _look_at_admin(examination: _Examination) -> None:
    upstream = examination.upstream
    if upstream.admin_url is None:
        examination.skip("admin api", "GATEWAY_ADMIN_URL is not set: jobs and runs are inferred from Discovery")
        return
    api = AdminApi(upstream.transport, upstream.admin_url, upstream.account_id)
    environments = EnvironmentList(api)

    async def account() -> tuple[str, Mapping[str, Any]]:
        return f"may be read: {(await api.get('v2', '/', AdminAccount)).name!r}", {}

    async def projects() -> tuple[str, Mapping[str, Any]]:
        return _listed(await api.list_all("v3", "/projects/", AdminProject), "projects")

    async def listed_environments() -> tuple[str, Mapping[str, Any]]:
        text, details = _listed(await environments.read(), "environments")
        return f"{text}, at {environments.address}", details

    async def jobs() -> tuple[str, Mapping[str, Any]]:
        return _listed(await api.list_all("v2", "/jobs/", AdminJob), "jobs")

    async def runs() -> tuple[str, Mapping[str, Any]]:
        listed = await api.list_first("v2", "/runs/", AdminRun, {"order_by": "-id"}, pages=1)
        examination.newest_run = next((run for run in listed.rows.values() if run.status in (10, 20)), None)
        return _listed(listed, "runs")

    await examination.look("token: account", account)
    await examination.look("token: projects", projects)
    await examination.look("token: environments", listed_environments)
    await examination.look("token: jobs", jobs)
    await examination.look("token: runs", runs)
    await examination.look("token: a run", lambda: _run_alone(examination))


def _listed(listed: ListReading[Any], what: str) -> tuple[str, Mapping[str, Any]]:
    count = len(listed.rows) if listed.total is None else listed.total
    details = {"count": count, "leftOut": listed.left_out, "damaged": listed.damaged, "total": listed.total}
    text = f"may be read: {count:,} {what}" + ("" if listed.total is not None else " (dbt reports no total)")
    if listed.left_out or listed.damaged:
        raise _Partly(f"{text}; {listed.left_out} rows cannot be read, {listed.damaged} in part", details)
    return text, details


async def _run_alone(examination: _Examination) -> tuple[str, Mapping[str, Any]]:
    run = examination.newest_run
    if run is None:
        return "no finished run is known", {}
    details = (await examination.services.admin.run_details([run.id]))[run.id]
    if isinstance(details, GatewayError):
        raise details
    return f"run {run.id} may be read, with {len(details.steps)} steps", {"steps": len(details.steps)}


def _named_environment(environment: Environment, topology: Topology) -> str:
    project = topology.project_names.get(environment.dbt_cloud_project_id, environment.dbt_cloud_project_id)
    reason = topology.reasons.get(environment.id, "named by [[projects]]")
    deployment = environment.deployment.value if environment.deployment else "no deployment"
    return f"{project}: {deployment} is environment {environment.id} ({reason})"


async def _projects(examination: _Examination) -> tuple[str, Mapping[str, Any]]:
    examination.topology = topology = await examination.services.admin.topology()
    chosen = [
        _named_environment(environment, topology)
        for environment in topology.environments
        if environment.deployment is not None
    ]
    details = {"environments": [_shown(environment, topology) for environment in topology.environments]}
    text = "; ".join(chosen) or "none has a production or staging environment"
    if topology.notes or not chosen:
        raise _Partly(text, details)
    return text, details


def _shown(environment: Environment, topology: Topology) -> dict[str, Any]:
    return {
        "project": topology.project_names.get(environment.dbt_cloud_project_id),
        "environment": str(environment.id),
        "deployment": environment.deployment.value if environment.deployment else None,
        "reason": topology.reasons.get(environment.id),
    }


async def _look_at_discovery(examination: _Examination) -> None:
    known = [
        environment
        for environment in (examination.topology.environments if examination.topology else ())
        if environment.deployment is not None
    ]
    if not known:
        examination.skip("discovery", "no environment is known that could be asked for")
        return
    await examination.look("token: discovery", lambda: _headers(examination, known))
    await examination.look("models", lambda: _models(examination, known))
    example = next(
        ((environment_id, model) for environment_id, (_, model) in sorted(examination.models.items()) if model), None
    )
    if example is None:
        examination.skip("histories", "no model is known that could be asked for")
        return
    await examination.look("histories", lambda: _history(examination, HistoryKey(example[0], example[1] or "")))
    await examination.look("runs' models", lambda: _run(examination))
    await examination.look("lineage", lambda: _others(examination, example[0]))


async def _headers(examination: _Examination, known: list[Environment]) -> tuple[str, Mapping[str, Any]]:
    headers = await examination.services.environments.headers([environment.id for environment in known])
    details = {"environments": {str(environment_id): _header(header) for environment_id, header in headers.items()}}
    failures = [header for header in headers.values() if isinstance(header, GatewayError)]
    if failures and len(failures) == len(headers):
        raise failures[0]
    read = [read_header for read_header in headers.values() if isinstance(read_header, EnvironmentHeader)]
    text = f"{len(read)} of {len(headers)} environments may be read"
    await examination.services.environments.sorted_out([environment.id for environment in known])
    if failures:
        raise _Partly(f"{text}; the others: {problem_text(failures[0])}", details)
    if not all(read_header.has_state for read_header in read):
        raise _Partly(f"{text}; some have no applied state", details)
    return text, details


def _header(header: EnvironmentHeader | GatewayError) -> dict[str, Any]:
    if isinstance(header, GatewayError):
        return {"code": header.code}
    revision = header.revision.isoformat() if header.revision else None
    return {"project": header.dbt_project_name, "adapter": header.adapter_type, "lastUpdatedAt": revision}


async def _models(examination: _Examination, known: list[Environment]) -> tuple[str, Mapping[str, Any]]:
    lookups = environment_lookups([environment.id for environment in known], "applied { models(first: 1) { ...Page } }")
    answers = await examination.query.look_up(_MODELS, list(lookups.values()), per_document=20)
    failures: list[GatewayError] = []
    for environment_id, lookup in lookups.items():
        answer = answers.get(lookup.alias)
        if isinstance(answer, GatewayError):
            failures.append(answer)
        elif answer is not None and answer.applied is not None and answer.applied.models is not None:
            edges = answer.applied.models.edges
            first = edges[0].node.unique_id if edges else None
            examination.models[environment_id] = (answer.applied.models.total_count or 0, first)
    if failures and not examination.models:
        raise failures[0]
    text = f"{sum(count for count, _ in examination.models.values()):,} in {len(examination.models)} environments"
    return text, {"models": {str(environment_id): count for environment_id, (count, _) in examination.models.items()}}


async def _history(examination: _Examination, key: HistoryKey) -> tuple[str, Mapping[str, Any]]:
    runs = (await read_histories(examination.query, [key], _LONGEST_HISTORY))[key]
    if isinstance(runs, GatewayError):
        raise runs
    times = [run.ended_at for run in runs if run.ended_at is not None]
    since = f", the oldest of {min(times):%Y-%m-%d}" if times else ""
    most = examination.query.history_limit.most
    details = {"runs": len(runs), "limit": most}
    text = f"{key.unique_id} has {len(runs)} runs of at most {_LONGEST_HISTORY} asked for{since}"
    if most is not None:
        raise _Partly(f"{text}; dbt reports at most {most}", details)
    return text, details


async def _run(examination: _Examination) -> tuple[str, Mapping[str, Any]]:
    run = examination.newest_run
    if run is None or run.job_definition_id is None:
        return "no finished run is known", {}
    key = RunKey(run.job_definition_id, run.id)
    read = (await examination.services.jobs.run_models([key], frozenset([key])))[key]
    if isinstance(read, GatewayError):
        raise read
    if not read.ingested:
        raise _Partly(f"dbt has no metadata of run {run.id}", {})
    return f"run {run.id} has results of {len(read.models)} models", {"models": len(read.models)}


async def _others(examination: _Examination, environment_id: int) -> tuple[str, Mapping[str, Any]]:
    services = examination.services
    reading = (services.lineage.lineages, services.sources.sources, services.groups.owners)
    for read in reading:
        answer = (await read([environment_id]))[environment_id]
        if isinstance(answer, GatewayError):
            raise answer
    return f"lineage, sources and groups of environment {environment_id} may be read", {}


async def _schema(upstream: Upstream) -> tuple[str, Mapping[str, Any]]:
    theirs = await schema_of(upstream.transport, upstream.discovery_url)
    if theirs is None:
        return "dbt does not report its schema: what it lacks is learnt from what it refuses", {"known": False}
    missing, newer = differences(theirs, documented())
    details = {"known": True, "missing": missing, "undocumented": newer}
    text = f"the types it reads have {len(newer)} more fields, which the gateway does not know"
    if missing:
        raise _Partly(f"dbt has no {', '.join(missing)}; {text}", details)
    return f"dbt has every field that the gateway may ask for; {text}", details


def _limits(watched: WatchedTransport, query: BaseQuery) -> Check:
    """What was met of dbt's limits in this examination."""
    text, details = watched.summary()
    most = query.history_limit.most
    if most is not None:
        text += f"; histories end at {most} runs"
    state = State.PARTLY if watched.statuses[429] or watched.statuses[504] else State.OK
    return Check("limits", state, text, details={**details, "historyLimit": most})


def _clock(seconds: float | None) -> Check:
    if seconds is None:
        return Check("clock", State.OK, "dbt's answers have no time")
    state = State.OK if abs(seconds) <= _CLOCK_SECONDS else State.PARTLY
    return Check("clock", state, f"dbt's is {seconds:+.0f} s from this machine's", details={"difference": seconds})


def _costs(examination: _Examination) -> Check:
    """What questions over the whole account cost when nothing is known: pages of 500 models, twenty a document, five
    lineages, and a hundred histories a document; lists of the Admin API in pages of a hundred."""
    production = {
        environment.id
        for environment in (examination.topology.environments if examination.topology else ())
        if environment.deployment is DeploymentEnvironment.PRODUCTION
    }
    sizes = [count for environment_id, (count, _) in examination.models.items() if environment_id in production]
    headers = -(-len(sizes) // 20)
    models = headers + -(-sum(max(1, -(-count // _PAGE)) for count in sizes) // 20)
    histories = models + sum(-(-count // 100) for count in sizes)
    jobs = next((check.details.get("count", 0) for check in examination.checks if check.name == "token: jobs"), 0)
    costs = {
        "projects": headers,
        "allModels": models,
        "allHistories": histories,
        "lineage": headers + -(-len(sizes) // 5),
        "jobs": max(1, -(-jobs // 100)),
    }
    text = (
        f"cold, in requests: projects {costs['projects']}, all models {models}, means over the last runs of all models "
        f"about {histories} ({histories / _PER_MINUTE:.1f} minutes of dbt's {_PER_MINUTE} a minute), lineage "
        f"{costs['lineage']}, jobs {costs['jobs']}"
    )
    return Check("costs", State.OK, text, details=costs)
