"""Stands in where no command of an environment left a manifest: what the unique ids of its results say of their nodes.

An id holds a node's kind, package and name: enough to list models with their runs, and nothing of their tags,
materialization, code or lineage. The first manifest that is read takes its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlalchemy import Connection, select, update

from gateway.archive.artifacts.artifact_files import Manifest, ManifestEntry, Metadata
from gateway.archive.artifacts.node_names import name_of
from gateway.archive.tables.run_tables import invocations, manifest_files, resources
from gateway.archive.writing.contents import ContentStore

_SECTIONS = {"source": "sources", "unit_test": "unit_tests", "exposure": "exposures", "saved_query": "saved_queries"}
_VERSION = re.compile(r"v(\d+)")


def has_implied(connection: Connection, environment_id: int) -> bool | None:
    """Whether the environment's manifests are implied; None where it has none. Either all of them are, or none."""
    here = (invocations.c.environment_id == environment_id, invocations.c.manifest_id.is_not(None))
    key = connection.scalar(select(invocations.c.manifest_id).where(*here).limit(1))
    if key is None:
        return None
    return (
        connection.scalar(select(manifest_files.c.digest).where(manifest_files.c.manifest_id == key).limit(1)) is None
    )


def drop_implied(connection: Connection, environment_id: int) -> None:
    """Takes the implied manifest away from the environment's commands: one has been read."""
    read = select(manifest_files.c.manifest_id)
    here = invocations.c.environment_id == environment_id
    implied = update(invocations).where(here, invocations.c.manifest_id.not_in(read))
    connection.execute(implied.values(manifest_id=None))


def imply_manifest(connection: Connection, contents: ContentStore, environment_id: int, project_name: str) -> None:
    """Gives the environment's commands, none of which left a manifest, one of all nodes that any of them names."""
    names = connection.scalars(select(resources.c.unique_id).where(resources.c.environment_id == environment_id)).all()
    if names:
        key = contents.implied_manifest(connection, _manifest(sorted(names), project_name))
        here = invocations.c.environment_id == environment_id
        connection.execute(update(invocations).where(here).values(manifest_id=key))


def _manifest(unique_ids: Iterable[str], project_name: str) -> Manifest:
    sections: dict[str, dict[str, ManifestEntry]] = {name: {} for name in ("nodes", *_SECTIONS.values())}
    for unique_id in unique_ids:
        entry = _entry(unique_id)
        if entry is not None:
            sections[_SECTIONS.get(str(entry.resource_type), "nodes")][unique_id] = entry
    return Manifest(Metadata(project_name=project_name), **sections)


def _entry(unique_id: str) -> ManifestEntry | None:
    kind, _, rest = unique_id.partition(".")
    package, _, name = rest.partition(".")
    if not name:
        return None
    entry = ManifestEntry(unique_id=unique_id, name=name_of(unique_id), resource_type=kind, package_name=package)
    first, _, last = name.rpartition(".")
    if kind == "source":
        entry.source_name = name.partition(".")[0]
    elif first and kind not in ("test", "unit_test") and (version := _VERSION.fullmatch(last)):
        entry.version = int(version[1])
    return entry
