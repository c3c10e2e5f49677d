"""Readers of what a manifest node reports, the same wherever the node is shown. Their source has `.node` and
`.kind`."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from gateway.archive.artifacts.node_content import materialization, tags_of
from gateway.local_platform.discovery.fields.field_readers import Reader, Readers
from gateway.local_platform.discovery.nodes import content


def by_content(function: Any) -> Reader:
    """A reader that applies `function` to the source's manifest node."""
    return lambda source: function(source.node)


NESTED_FIELDS: Readers = {
    "uniqueId": attrgetter("unique_id"),
    "resourceType": attrgetter("kind"),
    "name": attrgetter("node.name"),
    "description": attrgetter("node.description"),
    "filePath": lambda source: source.node.original_file_path or source.node.path or "",
    "fqn": lambda source: source.node.fqn or [],
    "patchPath": attrgetter("node.patch_path"),
    "packageName": attrgetter("node.package_name"),
}

NODE_FIELDS: Readers = {
    **NESTED_FIELDS,
    "meta": by_content(lambda node: content.parsed(node.meta)),
    "tags": by_content(tags_of),
}

RELATION_FIELDS: Readers = {
    "database": attrgetter("node.database"),
    "schema": attrgetter("node.schema"),
    "alias": attrgetter("node.alias"),
}

SOURCE_FIELDS: Readers = {
    "identifier": attrgetter("node.identifier"),
    "loader": attrgetter("node.loader"),
    "sourceDescription": attrgetter("node.source_description"),
    "sourceName": attrgetter("node.source_name"),
}

CODE_FIELDS: Readers = {
    "rawCode": by_content(content.code_of),
    "config": by_content(lambda node: content.parsed(node.config)),
}

MODEL_FIELDS: Readers = {
    **RELATION_FIELDS,
    "access": attrgetter("node.access"),
    "contractEnforced": by_content(content.contract_enforced),
    "group": attrgetter("node.group"),
    "latestVersion": by_content(lambda node: content.version_text(node.latest_version)),
    "materializedType": by_content(materialization),
    "releaseVersion": by_content(content.release_version),
    "version": by_content(lambda node: content.version_text(node.version)),
}

WHOLE_MODEL_FIELDS: Readers = {
    **MODEL_FIELDS,
    "constraints": by_content(content.constraints_of),
    "deprecationDate": by_content(content.deprecation_time),
    "language": attrgetter("node.language"),
    "rawCode": by_content(content.code_of),
}
