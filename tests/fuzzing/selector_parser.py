"""Fuzzes the parser of selectors: it answers with ids of the graph or refuses with a coded error, in bounded work.

pip install atheris . && python tests/fuzzing/selector_parser.py -max_total_time=600 -only_ascii=0
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import atheris

with atheris.instrument_imports(include=["gateway.local_platform.discovery"]):
    from graphql import GraphQLError

    from gateway.archive.artifacts.artifact_files import Node
    from gateway.local_platform.discovery.nodes.graph import Graph
    from gateway.local_platform.discovery.nodes.selectors import select_nodes

_IDS = [f"model.shop.m{number}" for number in range(6)]
_SEEDS = (
    "tag:daily",
    "+m1",
    "m2+3",
    "2+m1+1",
    "@m3",
    "path:models/a,tag:daily m4",
    "config.materialized:view",
    "source:a.*",
)


def _nodes() -> list[Any]:
    children = dict(zip(_IDS, ([each] for each in _IDS[1:]), strict=False))
    parents = {lower: [upper] for upper, [lower] in children.items()}
    graph = Graph(parents=parents, children=children)  # type: ignore[arg-type]
    return [
        SimpleNamespace(
            unique_id=each,
            kind="model",
            graph=graph,
            node=Node(unique_id=each, name=each[-2:], package_name="shop", fqn=["shop", each[-2:]], tags=["daily"]),
        )
        for each in _IDS
    ]


_NODES = _nodes()


def select_one(data: bytes) -> None:
    """The text up to the first newline selects, the rest excludes."""
    select, _, exclude = data.decode(errors="replace").partition("\n")
    try:
        chosen = select_nodes(_NODES, select, exclude)
    except GraphQLError as refused:
        if (refused.extensions or {}).get("code") != "BAD_USER_INPUT":
            raise AssertionError(refused) from refused
        return
    assert chosen <= set(_IDS)


if __name__ == "__main__":
    seeds = Path(tempfile.mkdtemp(prefix="fuzz-seeds-"))
    for number, text in enumerate(_SEEDS):
        (seeds / str(number)).write_text(text)
    atheris.Setup([*sys.argv, str(seeds)], select_one)
    atheris.Fuzz()
