"""The conditions of models, sources and tests."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec

from gateway.alerts.alert import Finding
from gateway.alerts.evaluation import Candidate, Evaluation, Resolution
from gateway.alerts.rule import AlertRule
from gateway.alerts.scope import ResourceFacts, RuleScope, facts_of, model_filter
from gateway.hierarchy.history.runtime_series import Certainty, ChangePoint
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.objects.source import Source
from gateway.hierarchy.runs.attempts import Incident
from gateway.hierarchy.runs.run_failure import message_of
from gateway.hierarchy.vocabulary.resource_type import ResourceType, resource_type_of
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading.field_context import FieldContext
from gateway.queries.changes.change_causes import cause_of_change
from gateway.queries.changes.regressions import (
    ChangesAsked,
    changes_of_account,
    changes_of_projects,
    place_of,
    window_since,
)
from gateway.queries.changes.unsteady_resources import first_failure, incidents_of_account
from gateway.queries.resources.sources import select_sources

_TESTS = (ResourceType.DATA_TEST, ResourceType.UNIT_TEST)


async def regressed_models(context: FieldContext, rule: AlertRule, scope: RuleScope) -> Evaluation:
    """Models with a confirmed regression since some days ago. An incident ends when newer runs show it no more, when
    the model gets faster for good, and when the days have passed."""
    since = datetime.now(UTC) - timedelta(days=rule.within_days)
    asked = ChangesAsked(True, since, Certainty.CONFIRMED, model_filter(rule))
    listed = (await changes_of_account(context, scope.projects, asked)).changes
    of_projects = await changes_of_projects(context, scope.projects, asked.filter)
    known = [change for read in of_projects for change in read.changes]
    faster: dict[tuple[int, str | None, int], datetime] = {}
    for change in known:
        if change.seconds_per_day < 0 and change.withdrawn_at is None and change.certainty is Certainty.CONFIRMED:
            series = _series(change)
            faster[series] = max(change.since, faster.get(series, change.since))
    jobs = {job.id for job in scope.jobs}
    candidates, endings = [], {}
    for change in listed:
        recovered = faster.get(_series(change))
        if change.owner.unique_id is None or (rule.jobs and change.owner.job_id not in jobs):
            continue
        if recovered is not None and recovered > change.since:
            endings[place_of(change)] = Resolution("It got faster for good.", recovered)
            continue
        describe = partial(_regressed, context, scope, change)
        candidates.append(Candidate(place_of(change), str(change.found_run_id), describe))
    endings |= {
        place_of(change): Resolution("Newer runs do not show it any more.", change.withdrawn_at)
        for change in known
        if change.withdrawn_at is not None
    }
    return Evaluation(tuple(candidates), endings)


def _series(change: ChangePoint) -> tuple[int, str | None, int]:
    return change.owner.environment_id, change.owner.unique_id, change.owner.job_id


async def _regressed(context: FieldContext, scope: RuleScope, change: ChangePoint) -> Finding:
    owner = change.owner
    project = scope.project_of(owner.environment_id)
    facts = await facts_of(context, project, owner.unique_id or "")
    cause, evidence = await cause_of_change(context, change)
    why = " ".join(evidence[:2]) or "Nothing that differs between the runs explains it."
    finding = _about("model", project, owner.unique_id or "", facts)
    name = facts.model.id if facts.model else facts.name
    return _with(
        finding,
        f"Model {name} got slower: {change.before_seconds:.1f} s before, {change.after_seconds:.1f} s since",
        change.since,
        f"{cause.value.replace('_', ' ').capitalize()}: {why}",
        job=scope.job_name(owner.job_id),
    )


async def stale_sources(context: FieldContext, rule: AlertRule, scope: RuleScope) -> Evaluation:
    """Sources whose last freshness check failed, or warned where the rule asks for that too."""
    stale = {RunStatus.FAILURE, RunStatus.WARN} if rule.warnings else {RunStatus.FAILURE}
    candidates, endings, unknown = [], {}, set()
    for source in await select_sources(context, scope.projects, None):
        if source.freshness.status in stale:
            candidates.append(Candidate(source.id, None, partial(_stale, context, source)))
        elif source.freshness.status is RunStatus.UNKNOWN:
            unknown.add(source.id)
        else:
            endings[source.id] = Resolution("It was fresh when it was checked again.", source.freshness.checked_at)
    return Evaluation(tuple(candidates), endings, frozenset(unknown))


async def _stale(context: FieldContext, source: Source) -> Finding:
    freshness = source.freshness
    limit = freshness.error_after_seconds if freshness.status is RunStatus.FAILURE else freshness.warn_after_seconds
    since = freshness.checked_at
    if freshness.max_loaded_at is not None and limit is not None:
        since = freshness.max_loaded_at + timedelta(seconds=limit)
    age = freshness.age_seconds
    words = f"Its newest row was {age / 3600:.1f} hours old when it was checked" if age is not None else ""
    allowed = f"; {limit / 3600:g} hours are allowed" if words and limit is not None else ""
    facts = await facts_of(context, source.project, source.unique_id)
    finding = _about("source", source.project, source.unique_id, facts)
    title = f"Source {source.project.id}.{source.source_name}.{source.name} is stale"
    return _with(finding, title, since, f"{words}{allowed}." if words else freshness.status_text)


async def broken_tests(context: FieldContext, rule: AlertRule, scope: RuleScope) -> Evaluation:
    """Tests that fail, each until its next success (see incidents_of_account)."""
    listed = await incidents_of_account(context, scope.projects, window_since(None), open_only=False)
    tests = [incident for incident in listed.incidents if resource_type_of(incident.unique_id) in _TESTS]
    ended: dict[str, set[str]] = defaultdict(set)
    endings: dict[str, Resolution] = {}
    for incident in sorted(tests, key=lambda incident: incident.broken_at):
        if not incident.is_open:
            ended[_place(incident)].add(incident.id)
            endings[_place(incident)] = Resolution("The test passes again.", incident.repaired_at)
    return Evaluation(
        tuple(
            Candidate(
                _place(incident), incident.id, partial(_broken, context, scope, incident), ended[_place(incident)]
            )
            for incident in tests
            if incident.is_open
        ),
        endings,
    )


def _place(incident: Incident) -> str:
    return f"{incident.environment_id}/{incident.unique_id}"


async def _broken(context: FieldContext, scope: RuleScope, incident: Incident) -> Finding:
    project = scope.project_of(incident.environment_id)
    facts = await facts_of(context, project, incident.unique_id)
    result = await first_failure(context, incident)
    of_model = f" on {facts.model.id}" if facts.model else ""
    finding = _about("test", project, incident.unique_id, facts)
    return _with(
        finding,
        f"Test {facts.name}{of_model} is broken",
        incident.broken_at,
        message_of(result) if result else None,
        job=scope.job_name(incident.job_id),
        link=f"run={incident.run_id}",
    )


def _about(kind: str, project: Project | None, unique_id: str, facts: ResourceFacts) -> Finding:
    return Finding(
        kind=kind,
        name=facts.name,
        title=facts.name,
        project=project.id if project else None,
        model=facts.model.id if facts.model else None,
        unique_id=unique_id,
        owner_name=facts.owner.name if facts.owner else None,
        owner_email=facts.owner.email if facts.owner else None,
        group=facts.group,
        tags=facts.tags,
        link=f"model={facts.model.id}" if facts.model else "",
    )


def _with(finding: Finding, title: str, since: datetime | None, cause: str | None, **facts: str | None) -> Finding:
    return msgspec.structs.replace(finding, title=title, since=since, cause=cause, **facts)
