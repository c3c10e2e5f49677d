"""Runs by their ids: many in lists, one alone; and what only a run asked for alone reports, its trigger and steps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.concurrency.checkpoints import checkpoint
from gateway.errors import GatewayError, NotFound, UpstreamRejected
from gateway.hierarchy.objects.job import Run, RunDetails
from gateway.services.admin.admin_api import PAGE_SIZE, AdminApi
from gateway.services.rows.admin_types import AdminRun
from gateway.services.rows.mapping import to_run, to_run_details

_STEPS_OF_A_REQUEST = 200


async def read_runs(api: AdminApi, run_ids: Sequence[int]) -> dict[int, Run | GatewayError]:
    """Many runs by lists of ids; what a list that heeds the ids leaves out does not exist."""
    if len(run_ids) == 1:
        return {run_ids[0]: await _read_run(api, run_ids[0])}
    starts = range(0, len(run_ids), PAGE_SIZE)
    chunks = [run_ids[start : start + PAGE_SIZE] for start in starts]
    parts = await asyncio.gather(*(_read_listed(api, chunk) for chunk in chunks))
    return {run_id: answer for part in parts for run_id, answer in part.items()}


async def read_run_details(api: AdminApi, run_id: int) -> RunDetails | GatewayError:
    """Trigger and steps of a run."""
    query = {"include_related": '["trigger","run_steps"]'}
    try:
        return to_run_details(await api.get("v2", f"/runs/{run_id}/", AdminRun, query))
    except GatewayError as failure:
        return failure


async def _read_listed(api: AdminApi, run_ids: Sequence[int]) -> dict[int, Run | GatewayError]:
    listed = {run.id: run for run in await _list_runs(api, run_ids)}
    if listed and listed.keys() <= set(run_ids):
        return {run_id: listed.get(run_id) or NotFound(f"dbt lists no run {run_id}.") for run_id in run_ids}
    # Nothing, or other runs than those: the list may not have heeded the ids, so each is asked alone.
    alone = await asyncio.gather(*(_read_run(api, run_id) for run_id in run_ids))
    return dict(zip(run_ids, alone, strict=True))


async def _list_runs(api: AdminApi, run_ids: Sequence[int]) -> list[Run]:
    """None where some of them cannot be read: asked alone, each says so itself."""
    query = {"pk__in": f"[{','.join(map(str, run_ids))}]"}
    try:
        listed = await api.list_first("v2", "/runs/", AdminRun, query, pages=1)
    except UpstreamRejected:
        return []
    return [] if listed.left_out else [to_run(row) for row in listed.rows.values()]


async def _read_run(api: AdminApi, run_id: int) -> Run | GatewayError:
    await checkpoint(_STEPS_OF_A_REQUEST)
    try:
        return to_run(await api.get("v2", f"/runs/{run_id}/", AdminRun))
    except GatewayError as failure:
        return failure
