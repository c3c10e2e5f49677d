"""Stores what repeats from run to run once, by the hash of its content: texts, manifest nodes and whole manifests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, insert, select

from gateway.archive.artifacts.artifact_files import Manifest, ManifestEntry, Node
from gateway.archive.artifacts.code_facts import code_facts
from gateway.archive.artifacts.invocation import ArtifactFile
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.run_tables import manifest_files, manifest_nodes, manifests, node_parents, nodes, texts
from gateway.archive.tables.upserts import insert_rows
from gateway.concurrency.bounded_map import BoundedMap

_KEPT_TEXTS = 50_000
_KEPT_MANIFESTS = 4
_NO_CHECKSUM = Node().checksum  # the very object: only that is left out
_SECTIONS = {
    "nodes": "model",
    "sources": "source",
    "macros": "macro",
    "exposures": "exposure",
    "metrics": "metric",
    "groups": "group",
    "semantic_models": "semantic_model",
    "saved_queries": "saved_query",
    "unit_tests": "unit_test",
    "functions": "function",
}


def digest_of(data: bytes) -> bytes:
    """The hash by which contents are told apart."""
    return hashlib.blake2b(data, digest_size=16).digest()


@dataclass(frozen=True)
class StoredManifest:
    """A manifest's key in the archive and its nodes' keys by unique id."""

    id: int
    node_ids: Mapping[str, int]


class ContentStore:
    """Remembers the keys of what it stored lately. `forget` after a transaction that was rolled back."""

    def __init__(self) -> None:
        self._texts: dict[str, int] = {}
        self._manifests: BoundedMap[bytes, StoredManifest] = BoundedMap(_KEPT_MANIFESTS)
        self._manifests_by_id: BoundedMap[int, StoredManifest] = BoundedMap(_KEPT_MANIFESTS)

    def forget(self) -> None:
        """Drops every remembered key."""
        self._texts.clear()
        self._manifests.clear()
        self._manifests_by_id.clear()

    def text_ids(self, connection: Connection, bodies: Sequence[str | None]) -> Mapping[str, int]:
        """The keys of these texts, stored where they are new."""
        missing = {body for body in bodies if body is not None and body not in self._texts}
        if missing:
            if len(self._texts) + len(missing) > _KEPT_TEXTS:
                self._texts.clear()
                missing = {body for body in bodies if body is not None}
            by_digest = {digest_of(body.encode("utf-8", "surrogatepass")): body for body in missing}
            keys = ensure_rows(connection, texts, {digest: {"body": body} for digest, body in by_digest.items()})
            self._texts.update((by_digest[digest], key) for digest, key in keys.items())
        return self._texts

    def manifest(self, connection: Connection, file: ArtifactFile) -> StoredManifest:
        """The manifest's key, its nodes stored where they are new."""
        stored = self._manifests.get(file.digest)
        if stored is None:
            stored = self._known(connection, file) or self._store(connection, file)
            self._manifests.put(file.digest, stored)
        return stored

    def stored_manifest(self, connection: Connection, key: int) -> StoredManifest:
        """A manifest that is in the archive."""
        stored = self._manifests_by_id.get(key)
        if stored is None:
            stored = StoredManifest(key, manifest_members(connection, key))
            self._manifests_by_id.put(key, stored)
        return stored

    def _known(self, connection: Connection, file: ArtifactFile) -> StoredManifest | None:
        key = connection.scalar(select(manifest_files.c.manifest_id).where(manifest_files.c.digest == file.digest))
        return None if key is None else StoredManifest(key, manifest_members(connection, key))

    def implied_manifest(self, connection: Connection, manifest: Manifest) -> int:
        """The key of a manifest that no file holds, stored where it is new."""
        return _ensure_manifest(connection, manifest)

    def _store(self, connection: Connection, file: ArtifactFile) -> StoredManifest:
        key = _ensure_manifest(connection, file.content)
        connection.execute(insert(manifest_files).values(digest=file.digest, manifest_id=key))
        return StoredManifest(key, manifest_members(connection, key))


def manifest_members(connection: Connection, manifest_id: int) -> dict[str, int]:
    """The node keys of a manifest by unique id."""
    members = connection.execute(
        select(nodes.c.unique_id, nodes.c.id)
        .join(manifest_nodes, manifest_nodes.c.node_id == nodes.c.id)
        .where(manifest_nodes.c.manifest_id == manifest_id)
    )
    return dict(members.all())


def _manifest_digest(manifest: Manifest, rows: Mapping[bytes, Mapping[str, Any]]) -> bytes:
    head = manifest.metadata
    parts = [str(head.project_name).encode(), str(head.adapter_type).encode(), *sorted(rows)]
    return digest_of(b"\x1f".join(parts))


def _ensure_manifest(connection: Connection, manifest: Manifest) -> int:
    rows = {digest_of(row["content"]): row for row in _node_rows(manifest)}
    digest = _manifest_digest(manifest, rows)
    key: int | None = connection.scalar(select(manifests.c.id).where(manifests.c.digest == digest))
    return _insert_manifest(connection, manifest, digest, rows) if key is None else key


def _insert_manifest(
    connection: Connection, manifest: Manifest, digest: bytes, rows: Mapping[bytes, dict[str, Any]]
) -> int:
    head = manifest.metadata
    values = {"digest": digest, "project_name": head.project_name, "adapter_type": head.adapter_type}
    key: int = connection.execute(insert(manifests).values(values).returning(manifests.c.id)).scalar_one()
    node_ids = _ensure_nodes(connection, rows)
    members = [
        {"manifest_id": key, "kind": rows[node_digest]["kind"], "node_id": node_id}
        for node_digest, node_id in node_ids.items()
    ]
    insert_rows(connection, manifest_nodes, members)
    return key


def _node_rows(manifest: Manifest) -> Iterator[dict[str, Any]]:
    for section, kind in _SECTIONS.items():
        entries: dict[str, ManifestEntry] = getattr(manifest, section) or {}
        for unique_id, entry in entries.items():
            parents = entry.depends_on
            lasting = _lasting(unique_id, entry)
            row = {
                "kind": (entry.resource_type or kind)[:32],
                "unique_id": unique_id,
                "content": msgspec.json.encode(lasting),
                "entry": lasting,
            }
            yield {**row, "parents": (parents.macros if kind == "macro" else parents.nodes) if parents else None}


def _lasting(unique_id: str, entry: ManifestEntry) -> ManifestEntry:
    """The node without what changes from run to run, so that equal nodes are equal bytes.

    Only a seed's checksum shows something that its code does not; that of a big one is its path on one machine.
    """
    tells = entry.resource_type == "seed" and b'"sha256"' in bytes(entry.checksum)
    return msgspec.structs.replace(
        entry,
        unique_id=unique_id,
        compiled_code=None,
        compiled_sql=None,
        checksum=entry.checksum if tells else _NO_CHECKSUM,
    )


def _ensure_nodes(connection: Connection, rows: Mapping[bytes, dict[str, Any]]) -> dict[bytes, int]:
    known = find_keys(connection, nodes, rows)
    # Most nodes of a manifest are those of the one before: what their code says is read for new ones alone.
    fresh = {digest: {**row, **code_facts(row["entry"])} for digest, row in rows.items() if digest not in known}
    for row in fresh.values():
        del row["entry"]
    parents = {digest: dict.fromkeys(row.pop("parents") or ()) for digest, row in fresh.items()}
    known |= add_rows(connection, nodes, fresh)
    edges = [{"node_id": known[digest], "parent": parent} for digest, names in parents.items() for parent in names]
    insert_rows(connection, node_parents, edges)
    return known


def ensure_rows(connection: Connection, table: Table, rows: Mapping[bytes, Mapping[str, Any]]) -> dict[bytes, int]:
    """The keys of the rows by digest; those that are not there yet are inserted."""
    known = find_keys(connection, table, rows)
    return known | add_rows(connection, table, {digest: rows[digest] for digest in rows if digest not in known})


def add_rows(connection: Connection, table: Table, rows: Mapping[bytes, Mapping[str, Any]]) -> dict[bytes, int]:
    """Inserts rows that are not there yet; their keys by digest."""
    insert_rows(connection, table, [{"digest": digest, **row} for digest, row in rows.items()])
    return find_keys(connection, table, rows)


def find_keys(connection: Connection, table: Table, digests: Iterable[bytes]) -> dict[bytes, int]:
    """The keys of the rows that a table has, by digest."""
    known: dict[bytes, int] = {}
    for part in chunks(digests):
        query = select(table.c.digest, table.c.id).where(table.c.digest.in_(part))
        known.update((bytes(digest), key) for digest, key in connection.execute(query))
    return known
