"""The order of runs: by when they were created (else started, else ended), then by id.

`runs.created_at` holds that time. A run without any time is older than all that have one. Ids alone say nothing about
order: those of dbt Core runs, and of schedulers that name their runs, are hashes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from gateway.archive.tables.run_tables import runs

NEWEST_FIRST: tuple[ColumnElement[Any], ...] = (runs.c.created_at.desc().nulls_last(), runs.c.id.desc())

_NO_TIME = -(2**62)


def created_after(run_id: int) -> ColumnElement[bool]:
    """The runs that come after this one, in the order of their creation; where there is no such run, greater ids."""
    known = runs.alias("known")
    created = func.coalesce(runs.c.created_at, _NO_TIME)
    anchor = select(func.coalesce(known.c.created_at, _NO_TIME)).where(known.c.id == run_id).scalar_subquery()
    is_later = or_(created > anchor, and_(created == anchor, runs.c.id > run_id))
    is_known = exists().where(known.c.id == run_id)
    return or_(and_(is_known, is_later), and_(~is_known, runs.c.id > run_id))
