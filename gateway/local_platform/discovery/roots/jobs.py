"""Roots of the job side: one run of a job, its lists of nodes, and the older roots that ask for the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from gateway.local_platform.discovery.fields.field_readers import Arguments, Info, Readers, Resolver
from gateway.local_platform.discovery.lists.paging import JOB_PAGE, page_size, rows_after
from gateway.local_platform.discovery.lists.run_listing import RunNodes, find_run, listing_of
from gateway.local_platform.discovery.nodes.content import relation_identifier
from gateway.local_platform.discovery.nodes.run_node import RunNode
from gateway.local_platform.discovery.nodes.session import Session

_LISTED = ("exposure", "macro", "metric", "model", "seed", "snapshot", "source", "test")


def resolve_job(_root: Any, info: Info, arguments: Arguments) -> RunNodes | None:
    """One run of the job, its newest one by default; None when there is no such job or run."""
    return _find(info, arguments["id"], arguments.get("runId"))


def _find(info: Info, job_id: int, run_id: int | None) -> RunNodes | None:
    session: Session = info.context
    run = find_run(session, job_id, run_id)
    return listing_of(session, run) if run is not None else None


def _rows(listing: RunNodes, kind: str, arguments: Arguments) -> Sequence[RunNode]:
    """The run's nodes of a kind, those it did not execute with null status."""
    page = job_page(_in_relation(listing.nodes(kind), arguments), arguments)
    return page[:JOB_PAGE] if listing.session.capped else page


def _row(listing: RunNodes, kind: str, arguments: Arguments) -> RunNode | None:
    if "name" in arguments:
        return next((node for node in listing.nodes(kind) if node.node.name == arguments["name"]), None)
    return listing.alone(kind, arguments["uniqueId"])


def job_page(nodes: Sequence[RunNode], arguments: Arguments) -> Sequence[RunNode]:
    """The rows behind `after`: all of them, or `first` of them, which is at most 100."""
    start = rows_after(nodes, arguments.get("after"), lambda node: node.unique_id)
    first = arguments.get("first")
    return nodes[start:] if first is None else nodes[start : start + page_size(first, JOB_PAGE)]


def _in_relation(nodes: Sequence[RunNode], arguments: Arguments) -> Sequence[RunNode]:
    readers: Mapping[str, Callable[[Any], Any]] = {
        "database": attrgetter("database"),
        "schema": attrgetter("schema"),
        "identifier": relation_identifier,
    }
    for name, reader in readers.items():
        value = arguments.get(name)
        if value is not None:
            nodes = [node for node in nodes if reader(node.node) == value]
    return nodes


def _list_of(kind: str) -> Resolver:
    return lambda listing, _info, arguments: _rows(listing, kind, arguments)


def _one_of(kind: str) -> Resolver:
    return lambda listing, _info, arguments: _row(listing, kind, arguments)


def _root_list_of(kind: str) -> Resolver:
    def resolve(_root: Any, info: Info, arguments: Arguments) -> Sequence[RunNode]:
        listing = _find(info, arguments["jobId"], arguments.get("runId"))
        return _rows(listing, kind, arguments) if listing else []

    return resolve


def _root_one_of(kind: str) -> Resolver:
    def resolve(_root: Any, info: Info, arguments: Arguments) -> RunNode | None:
        listing = _find(info, arguments["jobId"], arguments.get("runId"))
        return _row(listing, kind, arguments) if listing else None

    return resolve


JOB_FIELDS: Readers = {"id": attrgetter("run.job_id"), "runId": attrgetter("run.id")}

JOB_LISTS: Mapping[str, Resolver] = {
    **{f"{kind}s": _list_of(kind) for kind in _LISTED},
    **{kind: _one_of(kind) for kind in _LISTED},
}

ROOT_LISTS: Mapping[str, Resolver] = {
    **{f"{kind}s": _root_list_of(kind) for kind in _LISTED},
    **{kind: _root_one_of(kind) for kind in _LISTED},
}
