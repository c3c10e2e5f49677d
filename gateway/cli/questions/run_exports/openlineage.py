"""A run as OpenLineage events: START and COMPLETE, FAIL or ABORT for the run, and for each model, seed and snapshot."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.cli.questions.run_exports.finished_run import Executed, FinishedRun
from gateway.cli.questions.run_exports.json_post import Receiver
from gateway.cli.questions.whole_file import write_whole
from gateway.discovery_api.api import Model
from gateway.discovery_api.models import RunStatus

KEY_VARIABLE = "OPENLINEAGE_API_KEY"

JOB_NAMESPACE = "dbt"
_PRODUCER = f"urn:dbt-gateway:{__version__}"
_EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACET = "https://openlineage.io/spec/facets"
_BUILT = ("model", "seed", "snapshot")
_ENDS = {RunStatus.failure: "FAIL", RunStatus.cancelled: "ABORT", RunStatus.skipped: "ABORT"}
_PATH = "/api/v1/lineage"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Tables:
    """What a resource reads and writes."""

    inputs: Sequence[Json] = ()
    outputs: Sequence[Json] = ()


_NO_TABLES = _Tables()


@dataclass(frozen=True, slots=True)
class _Datasets:
    """The tables of a run, by the unique ids of what builds them."""

    known: Mapping[str, Model]
    adapters: Mapping[str, str | None]

    def of(self, unique_id: str) -> Json:
        """A table by its place in the warehouse; by dbt's unique id where no model of the run says where it is."""
        model = self.known.get(unique_id)
        place = [model.database, model.schema, model.alias or model.name] if model else []
        if model is None or not all(place):
            return {"namespace": JOB_NAMESPACE, "name": unique_id}
        namespace = self.adapters.get(model.project_id) or JOB_NAMESPACE
        return {"namespace": namespace, "name": ".".join(map(str, place))}

    def upstream(self, unique_id: str) -> list[str]:
        """What a model reads directly; nothing for what is no model of the run."""
        model = self.known.get(unique_id)
        if model is None:
            return []
        return [
            entry.resource.unique_id
            for entry in model.get_lineage("upstream", 1)
            if entry.level and entry.resource.resource_type in (*_BUILT, "source")
        ]


def send_lineage(
    finished: FinishedRun, adapters: Mapping[str, str | None], target: str, variables: Mapping[str, str]
) -> str:
    """Writes the events of a run to a file, a line each, or sends them to an address; what was done, in a sentence.

    `adapters` are the warehouses of projects by id. A file is written whole or not at all. Raises GatewayError.
    """
    if "://" not in target:
        events = events_of(finished, adapters)
        write_whole(Path(target), "".join(json.dumps(event) + "\n" for event in events))
        return f"{len(events):,} events were written to {target}."
    key = variables.get(KEY_VARIABLE)
    url = target if target.rstrip("/").endswith(_PATH) else target.rstrip("/") + _PATH
    receiver = Receiver(
        url, "an OpenLineage server", "--openlineage", {"Authorization": f"Bearer {key}"} if key else {}
    )
    events = events_of(finished, adapters)
    for event in events:
        receiver.post(event)
    return f"{len(events):,} events were sent to {url}."


def events_of(finished: FinishedRun, adapters: Mapping[str, str | None]) -> list[Json]:
    """Two events for the run, and two for each resource that it built, in the order of their times."""
    known = {model.unique_id: model for model in finished.run.get_models()}
    datasets = _Datasets(known, adapters)
    run: Json = {"runId": _id(finished), "facets": {}}
    job = _job(finished.job_name, "JOB")
    events = [
        _event("START", finished.start, run, job),
        *(
            event
            for executed in finished.executed
            if executed.result.resource_type in _BUILT
            for event in _built(finished, executed, datasets)
        ),
        _event(_end(finished.run.status), finished.end, _with_error(run, finished.run.status, finished.run.error), job),
    ]
    return sorted(events, key=lambda event: str(event["eventTime"]))


def _built(finished: FinishedRun, executed: Executed, datasets: _Datasets) -> Sequence[Json]:
    result = executed.result
    parent = {
        "run": {"runId": _id(finished)},
        "job": {"namespace": JOB_NAMESPACE, "name": finished.job_name},
    }
    run: Json = {
        "runId": _id(finished, str(result.step), result.unique_id),
        "facets": {"parent": _facet("1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet") | parent},
    }
    job = _job(result.unique_id, result.resource_type.upper())
    inputs = [datasets.of(unique_id) for unique_id in datasets.upstream(result.unique_id)]
    outputs = [datasets.of(result.unique_id)]
    if result.rows_affected is not None and result.rows_affected >= 0:
        statistics = _facet("1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet")
        outputs[0]["outputFacets"] = {"outputStatistics": statistics | {"rowCount": result.rows_affected}}
    tables = _Tables(inputs, outputs)
    ended = _with_error(run, result.status, result.message)
    return (
        _event("START", executed.start, run, job, tables),
        _event(_end(result.status), executed.end, ended, job, tables),
    )


def _event(kind: str, moment: datetime, run: Json, job: Json, tables: _Tables = _NO_TABLES) -> Json:
    return {
        "eventType": kind,
        "eventTime": moment.isoformat(timespec="microseconds"),
        "run": run,
        "job": job,
        "inputs": list(tables.inputs),
        "outputs": list(tables.outputs),
        "producer": _PRODUCER,
        "schemaURL": _EVENT,
    }


def _job(name: str, kind: str) -> Json:
    job_type = {"processingType": "BATCH", "integration": "DBT", "jobType": kind}
    return {
        "namespace": JOB_NAMESPACE,
        "name": name,
        "facets": {"jobType": _facet("2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet") | job_type},
    }


def _with_error(run: Json, status: RunStatus, message: str | None) -> Json:
    if status is not RunStatus.failure:
        return run
    error = {"message": message or "It failed.", "programmingLanguage": "SQL"}
    facet = _facet("1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet") | error
    return {**run, "facets": {**run["facets"], "errorMessage": facet}}


def _facet(schema: str) -> Json:
    return {"_producer": _PRODUCER, "_schemaURL": f"{_FACET}/{schema}"}


def _end(status: RunStatus) -> str:
    return _ENDS.get(status, "COMPLETE")


def _id(finished: FinishedRun, *parts: str) -> str:
    """A UUID that follows from the run and the parts, so that a run sent again is the same one."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("dbt", finished.run.job_id, finished.run.run_id, *parts))))
