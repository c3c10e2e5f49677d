"""What dbt's unique ids say: `model.shop.orders` is of the package `shop`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import msgspec


class _NamedNode(msgspec.Struct):
    name: str | None = None


_named = msgspec.json.Decoder(_NamedNode)
_VERSION = re.compile(r"v\d+")


def kind_of(unique_id: str) -> str:
    """The kind of a node: model, test, seed, operation …"""
    return unique_id.partition(".")[0][:32]


def name_of(unique_id: str) -> str:
    """The name of a node as far as its id says: without the hash of a test, the version of a model, or the model of a
    unit test. The whole id where it has too few parts."""
    kind, *parts = unique_id.split(".", 2)
    if len(parts) < 2:
        return unique_id
    name = parts[1]
    first, _, rest = name.partition(".")
    if kind == "test":
        return first
    if kind in ("source", "unit_test"):
        return rest or name
    before, _, last = name.rpartition(".")
    return before if before and _VERSION.fullmatch(last) else name


def name_in(content: bytes | str | None, unique_id: str) -> str:
    """The name of a node by its content in a manifest; without one, what its id says."""
    name = _named.decode(content).name if content else None
    return name or name_of(unique_id)


def package_of(unique_ids: Iterable[str]) -> str | None:
    """The package most of the nodes belong to: the project's own, unless nearly all of what ran came from elsewhere."""
    packages = Counter(parts[1] for name in unique_ids if len(parts := name.split(".")) > 2)
    return min(packages, key=lambda name: (-packages[name], name), default=None)
