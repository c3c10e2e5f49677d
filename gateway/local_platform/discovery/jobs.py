"""Roots of the job side: one run of a job and its lists of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from gateway.local_platform.discovery.content import relation_identifier
from gateway.local_platform.discovery.fields import Arguments, Info, Readers
from gateway.local_platform.discovery.paging import JOB_PAGE, page_size, rows_after
from gateway.local_platform.discovery.run_listing import RunListing, find_run, listing_of
from gateway.local_platform.discovery.run_node import RunNode
from gateway.local_platform.discovery.session import Session


def resolve_job(_root: Any, info: Info, arguments: Arguments) -> RunListing | None:
    """One run of the job, its newest one by default; None when there is no such job or run."""
    session: Session = info.context
    run = find_run(session, arguments["id"], arguments.get("runId"))
    return listing_of(session, run) if run is not None else None


def resolve_models(listing: RunListing, _info: Info, arguments: Arguments) -> Sequence[RunNode]:
    """The run's models, those it did not execute with null status."""
    return job_page(_in_relation(listing.nodes("model"), arguments), arguments)


def resolve_model(listing: RunListing, _info: Info, arguments: Arguments) -> RunNode | None:
    """One model of the run."""
    return next(iter(listing.pick("model", [arguments["uniqueId"]])), None)


def job_page(nodes: Sequence[RunNode], arguments: Arguments) -> Sequence[RunNode]:
    """The rows behind `after`: all of them, or `first` of them, which is at most 100."""
    start = rows_after(nodes, arguments.get("after"), lambda node: node.unique_id)
    first = arguments.get("first")
    return nodes[start:] if first is None else nodes[start : start + page_size(first, JOB_PAGE)]


def _in_relation(nodes: Sequence[RunNode], arguments: Arguments) -> Sequence[RunNode]:
    checks = (
        ("database", attrgetter("database")),
        ("schema", attrgetter("schema")),
        ("identifier", relation_identifier),
    )
    for name, reader in checks:
        wanted = arguments.get(name)
        if wanted is not None:
            nodes = [node for node in nodes if reader(node.node) == wanted]
    return nodes


JOB_FIELDS: Readers = {"id": attrgetter("run.job_id"), "runId": attrgetter("run.id")}
