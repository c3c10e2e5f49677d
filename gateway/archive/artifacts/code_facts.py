"""What is known of a node's code beside the node itself: how it is materialized, and when its code is the same."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from gateway.archive.artifacts.artifact_files import Node
from gateway.concurrency.struct_decoders import json_decoder


class _Config(msgspec.Struct):
    materialized: Any = None


class _Checksum(msgspec.Struct):
    checksum: Any = None


def code_facts(node: Node) -> dict[str, Any]:
    """The columns of a node that its content implies: `materialization`, `code_checksum`."""
    return {"materialization": _materialization(node), "code_checksum": _code_checksum(node)}


def _materialization(node: Node) -> str | None:
    config = _read(node.config, _Config)
    name = config.materialized if config else None
    return name.casefold() if isinstance(name, str) else None


def _code_checksum(node: Node) -> bytes | None:
    """By the code as written; of seeds, which have none, by dbt's checksum of the file."""
    code = node.raw_code or node.raw_sql or node.macro_sql
    if not code:
        checksum = _read(node.checksum, _Checksum)
        code = checksum.checksum if checksum and isinstance(checksum.checksum, str) else None
    return hashlib.blake2b(code.encode("utf-8", "surrogatepass"), digest_size=16).digest() if code else None


def _read(raw: msgspec.Raw, record: type[Any]) -> Any:
    try:
        return json_decoder(record).decode(raw) if bytes(raw).startswith(b"{") else None
    except msgspec.MsgspecError:
        return None
