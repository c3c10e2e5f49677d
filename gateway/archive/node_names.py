"""What dbt's unique ids tell: `model.shop.orders` is of the package `shop`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def kind_of(unique_id: str) -> str:
    """The kind of a node: model, test, seed, operation …"""
    return unique_id.partition(".")[0][:32]


def package_of(unique_ids: Iterable[str]) -> str | None:
    """The package most of the nodes belong to: the project's own, unless nearly all of what ran came from elsewhere."""
    packages = Counter(parts[1] for name in unique_ids if len(parts := name.split(".")) > 2)
    return min(packages, key=lambda name: (-packages[name], name), default=None)
