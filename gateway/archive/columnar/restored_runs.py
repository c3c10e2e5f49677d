"""Brings results back from files of compacted months into `results`, where they can be changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import Connection, delete, select, update

from gateway.archive.columnar.compacted_files import files_of
from gateway.archive.columnar.parquet_rows import RowFilter, is_among
from gateway.archive.columnar.result_rows import NAMES, commands_of, result_rows
from gateway.archive.columnar.visible_results import add_results, compacted_runs, names_of
from gateway.archive.tables.many_keys import among, chunks
from gateway.archive.tables.run_tables import invocations, resources, results
from gateway.archive.tables.state_rows import SUCCESSFUL, state_keys


def restore_runs(connection: Connection, run_ids: Collection[int]) -> None:
    """Results of these runs that are in files come back. What the files hold of them counts no longer; the next
    compaction folds the runs in again. Raises DamagedFile where a file cannot be read."""
    files = files_of(connection)
    if files is None:
        return
    for (environment_id, month), of_month in compacted_runs(connection, invocations.c.run_id, run_ids).items():
        recorded = files.months(connection)[environment_id, month]
        path = files.place_of(connection, recorded)
        commands = commands_of(connection, environment_id, month)
        condition = is_among("run_id", sorted(of_month))
        for rows in result_rows(connection, files.verified.reader, path, environment_id, commands, condition=condition):
            add_results(connection, results, rows)
    of_runs = among(connection, invocations.c.run_id, run_ids)
    connection.execute(update(invocations).where(of_runs, invocations.c.compacted).values(compacted=False))


_NEWEST = (
    "QUALIFY row_number() OVER (PARTITION BY unique_id, deploys ORDER BY invocation_ended_at DESC, run_id DESC) = 1 OR "
    "(succeeded AND row_number() OVER (PARTITION BY unique_id, deploys, succeeded ORDER BY invocation_ended_at DESC, "
    "run_id DESC) = 1)"
)
_SUCCEEDED = f"is_final AND builds AND status IN {SUCCESSFUL}"


def restore_states(connection: Connection, resource_ids: Collection[int]) -> None:
    """Copies of the results that states are made of come back, where newer ones were removed: states are read of
    `results` alone. A query for each file, whatever the number of resources."""
    files = files_of(connection)
    if files is None or not resource_ids:
        return
    places = names_of(connection, resource_ids)
    copies: list[int] = []
    for (environment_id, month), recorded in files.months(connection).items():
        commands = commands_of(connection, environment_id, month) if environment_id in places else {}
        if not commands:
            continue
        of_runs, run_ids = is_among("run_id", sorted({run_id for run_id, _ in commands}))
        of_names, names = is_among("unique_id", sorted(places[environment_id]))
        newest = _NEWEST.replace("succeeded", f"({_SUCCEEDED})")
        condition = RowFilter(f"{of_runs} AND {of_names} {newest}", [*run_ids, *names])
        for path in files.readable(connection, [recorded]):
            for rows in result_rows(
                connection, files.verified.reader, path, environment_id, commands, condition=condition
            ):
                add_results(connection, results, rows)
                copies += [row[NAMES.index("id")] for row in rows]
    needless = set(copies) - state_keys(connection, list(resource_ids)) if copies else set()
    for part in chunks(sorted(needless)):
        compacted = select(invocations.c.id).where(invocations.c.compacted)
        connection.execute(delete(results).where(results.c.id.in_(part), results.c.invocation_id.in_(compacted)))


def compacted_resources(connection: Connection, keys: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The resources of which these commands have results in files, each with the month."""
    files = files_of(connection)
    if files is None:
        return
    for (environment_id, month), run_ids in compacted_runs(connection, invocations.c.id, keys).items():
        recorded = files.months(connection)[environment_id, month]
        for path in files.readable(connection, [recorded]):
            condition = is_among("run_id", sorted(run_ids))
            for part in files.verified.reader.rows(path, "DISTINCT unique_id", condition):
                of_environment = resources.c.environment_id == environment_id
                named = among(connection, resources.c.unique_id, [name for (name,) in part])
                for key in connection.scalars(select(resources.c.id).where(of_environment, named)):
                    yield key, month
