"""Reads the parts of a manifest node that the schema shows in another form than the manifest holds them."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.archive.artifacts.artifact_files import Node
from gateway.archive.times import parse_micros


def parsed(raw: msgspec.Raw) -> Any:
    """The JSON value of a raw part; None where it is absent or null."""
    data = bytes(raw)
    return msgspec.json.decode(data) if data else None


def version_text(version: str | int | float | None) -> str | None:
    """A model's version as text."""
    return None if version is None else str(version)


def release_version(node: Node) -> str:
    """Where a model's version stands against the latest: `latest`, `old`, `prerelease`, or `none`."""
    if node.version is None:
        return "none"
    if node.latest_version is None or str(node.version) == str(node.latest_version):
        return "latest"
    return "old" if _version_key(node.version) < _version_key(node.latest_version) else "prerelease"


def _version_key(version: str | int | float) -> tuple[float, str]:
    try:
        return float(version), ""
    except ValueError:
        return float("inf"), str(version)


def code_of(node: Node) -> str | None:
    """The code as written; dbt before 1.3 calls it raw_sql."""
    return node.raw_code if node.raw_code is not None else node.raw_sql


def relation_identifier(node: Node) -> str | None:
    """The name of the table in the warehouse: a source's identifier, anything else's alias."""
    return node.identifier or node.alias or node.name


def contract_enforced(node: Node) -> bool | None:
    """Whether the model's contract is enforced; None before dbt 1.5."""
    contract = parsed(node.contract)
    return bool(contract.get("enforced")) if isinstance(contract, dict) else None


def constraints_of(node: Node) -> list[dict[str, Any]]:
    """Model-level constraints in the schema's spelling."""
    constraints = parsed(node.constraints)
    return [
        {
            "columns": item.get("columns"),
            "expression": item.get("expression"),
            "name": item.get("name"),
            "type": item.get("type"),
            "warnUnenforced": item.get("warn_unenforced"),
            "warnUnsupported": item.get("warn_unsupported"),
        }
        for item in (constraints if isinstance(constraints, list) else [])
        if isinstance(item, dict)
    ]


def deprecation_time(node: Node) -> int | None:
    """When the model is deprecated, in microseconds."""
    return parse_micros(node.deprecation_date)


def depends_on(node: Node) -> list[str]:
    """Unique ids this node reads from."""
    return list(node.depends_on.nodes or ()) if node.depends_on else []
