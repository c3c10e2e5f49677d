"""What resources did, day by day and month by month: reads the packed months, and no result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, select

from gateway.archive.months import begin_of, month_of
from gateway.archive.rollups.day_buckets import Bucket, merged, unpack_days
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.run_tables import recent_results, resource_months


class ResourceMonth(NamedTuple):
    """A month of one resource; `month` as in `months.month_of`, `days` by day of the month, ascending."""

    environment_id: int
    resource_id: int
    month: int
    days: Mapping[int, Bucket]

    @property
    def total(self) -> Bucket:
        """The whole month."""
        return merged(self.days.values())


def resource_months_of(
    connection: Connection,
    environment_ids: Iterable[int],
    months: range,
    *,
    kind: str = "model",
    resource_ids: Iterable[int] | None = None,
) -> Iterator[ResourceMonth]:
    """The months in which resources of a kind had results, in no order; those without results are left out.

    `months`: consecutive (see `months.month_of`). `resource_ids`: only these (keys of `resources`). A result counts for
    the UTC day on which its command ended. Raises ConfigurationError for a damaged row.
    """
    here = sorted(set(environment_ids))
    for part in [None] if resource_ids is None else chunks(sorted(set(resource_ids))):
        for environment_id, key, month, days in _packed_months(connection, here, months, kind, part):
            yield ResourceMonth(environment_id, key, month, unpack_days(days))


def _packed_months(
    connection: Connection, environments: list[int], months: range, kind: str, keys: list[int] | None
) -> Iterator[tuple[int, int, int, bytes]]:
    """From both tables: the newest month of a resource lies beside its newest results."""
    recent, older = recent_results.c, resource_months.c
    of_recent = [recent.environment_id.in_(environments), recent.kind == kind]
    of_recent += [recent.newest_at >= begin_of(months.start), recent.newest_at < begin_of(months.stop)]
    of_older = [older.environment_id.in_(environments), older.kind == kind]
    of_older += [older.month >= months.start, older.month < months.stop]
    if keys is not None:
        of_recent.append(recent.resource_id.in_(keys))
        of_older.append(older.resource_id.in_(keys))
    newest = select(recent.environment_id, recent.resource_id, recent.newest_at, recent.days).where(*of_recent)
    for environment_id, key, at, days in connection.execute(newest):
        yield environment_id, key, month_of(at), bytes(days)
    before = select(older.environment_id, older.resource_id, older.month, older.days).where(*of_older)
    for environment_id, key, month, days in connection.execute(before):
        yield environment_id, key, month, bytes(days)
