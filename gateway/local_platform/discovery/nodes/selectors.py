"""dbt's node selection as far as artifacts answer it: `tag:daily`, `+fct_orders`, `path:models/marts,tag:pii` …

A space joins sets, a comma intersects them; `+` before or after a term adds its ancestors or descendants, `2+` those
within two steps, `@` the descendants and everything they need.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from graphql import GraphQLError

from gateway.archive.artifacts.node_content import tags_of
from gateway.local_platform.discovery.nodes import content
from gateway.local_platform.discovery.nodes.comparing import STATE_VALUES, compares_as, ended_as
from gateway.local_platform.discovery.nodes.graph import Graph
from gateway.local_platform.discovery.nodes.state_nodes import StateNode

Matcher = Callable[[StateNode, str], bool]
# A term looks at every node, in some 3 microseconds.
_LONGEST_TERM, _MOST_TERMS, _MOST_LOOKS = 500, 1000, 4_000_000
_TERM = re.compile(r"(?P<at>@)?(?:(?P<up>\d*)\+)?(?P<core>[^+@\s]+?)(?:\+(?P<down>\d*))?")


def select_nodes(nodes: Sequence[StateNode], select: str | None, exclude: str | None) -> set[str]:
    """Unique ids of the selected nodes. Raises a coded error for a term that is not understood."""
    _check_work(len(nodes), f"{select or ''} {exclude or ''}")
    chosen = _union(nodes, select) if select and select.strip() else {node.unique_id for node in nodes}
    return chosen - (_union(nodes, exclude) if exclude and exclude.strip() else set())


def _check_work(nodes: int, text: str) -> None:
    terms = text.replace(",", " ").split()
    if len(terms) > min(_MOST_TERMS, max(1, _MOST_LOOKS // max(1, nodes))):
        raise _refused(f"{len(terms):,} selectors are more than are evaluated over {nodes:,} nodes: select in parts.")
    if any(len(term) > _LONGEST_TERM for term in terms):
        raise _refused(f"A selector has more than {_LONGEST_TERM} characters.")


def _union(nodes: Sequence[StateNode], text: str) -> set[str]:
    return set().union(*(_intersection(nodes, part) for part in text.split()))


def _intersection(nodes: Sequence[StateNode], part: str) -> set[str]:
    return set.intersection(*(_term(nodes, term) for term in part.split(",")))


def _term(nodes: Sequence[StateNode], term: str) -> set[str]:
    term_match = _TERM.fullmatch(term)
    if term_match is None:
        raise _not_understood(term)
    method, separator, value = term_match["core"].partition(":")
    name, argument = (method, value) if separator else ("path" if "/" in method else "fqn", method)
    matches = _matcher(name)
    chosen = {node.unique_id for node in nodes if matches(node, argument)}
    graph = nodes[0].graph if nodes else Graph()
    return _widened(graph, chosen, term_match)


def _widened(graph: Graph, chosen: set[str], term: re.Match[str]) -> set[str]:
    selected = set(chosen)
    if term["at"]:
        selected |= _walk(graph.children, selected, None)
        return selected | _walk(graph.parents, selected, None)
    if term["up"] is not None:
        selected |= _walk(graph.parents, chosen, int(term["up"]) if term["up"] else None)
    if term["down"] is not None:
        selected |= _walk(graph.children, chosen, int(term["down"]) if term["down"] else None)
    return selected


def _walk(edges: Mapping[str, Iterable[str]], start: set[str], steps: int | None) -> set[str]:
    reached, edge = set(start), set(start)
    while edge and (steps is None or steps > 0):
        edge = {name for node in edge for name in edges.get(node, ())} - reached
        reached |= edge
        steps = None if steps is None else steps - 1
    return reached


def _matcher(method: str) -> Matcher:
    if method.startswith("config."):
        return lambda node, value: _text(_config(node).get(method.removeprefix("config."))) == value
    if method not in _METHODS:
        raise _not_understood(f"{method}:")
    return _METHODS[method]


def _config(node: StateNode) -> Mapping[str, object]:
    config = content.parsed(node.node.config)
    return config if isinstance(config, dict) else {}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _by_name(node: StateNode, value: str) -> bool:
    parts, pattern = node.node.fqn or [], value.split(".")
    if fnmatchcase(node.node.name or "", value) or fnmatchcase(node.unique_id.partition(".")[2], value):
        return True
    return any(_fits(parts[start : start + len(pattern)], pattern) for start in (0, 1))


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    return len(parts) == len(pattern) and all(map(fnmatchcase, parts, pattern))


def _by_path(node: StateNode, value: str) -> bool:
    path = node.node.original_file_path or ""
    return fnmatchcase(path, value) or PurePosixPath(path).is_relative_to(value.rstrip("/"))


def _by_state(node: StateNode, value: str) -> bool:
    if value not in STATE_VALUES:
        raise _not_understood(f"state:{value}", STATE_VALUES)
    return compares_as(node, value)


def _by_source(node: StateNode, value: str) -> bool:
    if node.kind != "source":
        return False
    full = (node.node.package_name or "", node.node.source_name or "", node.node.name or "")
    pattern = value.split(".")
    return any(_fits(full[start : start + len(pattern)], pattern) for start in (0, 1))


_METHODS: Mapping[str, Matcher] = {
    "access": lambda node, value: node.node.access == value,
    "exposure": lambda node, value: node.kind == "exposure" and fnmatchcase(node.node.name or "", value),
    "file": lambda node, value: PurePosixPath(node.node.original_file_path or "").name == value,
    "fqn": _by_name,
    "group": lambda node, value: node.node.group == value,
    "metric": lambda node, value: node.kind == "metric" and fnmatchcase(node.node.name or "", value),
    "package": lambda node, value: fnmatchcase(node.node.package_name or "", value),
    "path": _by_path,
    "resource_type": lambda node, value: node.kind == value,
    "result": ended_as,
    "source": _by_source,
    "state": _by_state,
    "tag": lambda node, value: any(fnmatchcase(tag, value) for tag in tags_of(node.node)),
}


def _not_understood(term: str, values: Sequence[str] = ()) -> GraphQLError:
    known = ", ".join(values or [*sorted(_METHODS), "config.<key>"])
    message = f"Selector {term!r} is not understood; {'values' if values else 'methods'} known here: {known}."
    return _refused(message)


def _refused(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})
