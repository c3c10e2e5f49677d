"""Tests go through public names. Where one reaches for a name that begins with an underscore, it says why."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

# The private name, where a public way is missing, and why none is made.
REASONS = {
    # The name by which a notebook asks objects for what it shows.
    "_repr_html_": "the protocol of IPython and Jupyter",
    # Bounds and times: a test makes them small, where to wait for them or to fill them takes minutes or gigabytes.
    "_BELIEVED_SECONDS": "30 s for which readiness believes an answer",
    "_BUSY_SECONDS": "30 s for which writers of an archive wait for each other",
    "_CHECK_SECONDS": "seconds between looks at a file, or at dbt",
    "_HISTORIES_AT_ONCE": "2,000 histories are put together at once; a few have to fall into several parts",
    "_LEASE_MILLISECONDS": "time after which another replica takes a reading over",
    "_LEASE_WAIT": "seconds for which a replica waits for another's reading",
    "_MOST_BYTES": "8 MiB of known requests",
    "_MOST_REMEMBERED": "10,000 callers",
    "_PATIENCE_SECONDS": "seconds for which a probe waits for dbt",
    "_PIECE": "size of the pieces that JSON is scanned in: a boundary has to fall on every byte",
    "_QUICK_BYTES": "up to which size another scanner looks first: short texts have to reach the walk as well",
    "_SMALL_BYTES": "size from which answers are decoded in a thread",
    "_FIRST_SECONDS": "how long an archive waits before it is tried again, so that no test waits as long",
    "_LONGEST_SECONDS": "the same, at most",
    # Faults that no caller can cause.
    "_open": "the tries to open an archive, without the task that makes them",
    "_engine": "SQL statements are counted, and a process dies between two of them; the archive hands out no engine",
    "_TAKE": "the script that Redis runs, to compare it with what is documented and to make it fail",
    "_answers": "answers leave by themselves when their facts change; here they leave while their requests stay",
    "_documents": "a document leaves by itself when there is no room for it; here it leaves at once",
    "_fields": "spoils an object of the schema, to see that the comparison would notice",
    # What happens inside, where outside it cannot be told apart.
    "_exact": "which of two decoders a type gets; both decode alike, one of them in half the time",
    "_handle_frame": "frames of a WebSocket are counted as they are handled, to see that they are handled in turns",
    "_intake": "how much of what has arrived waits for its turn",
    "_ready": "the fuzzer ends a round when asyncio has nothing left to do",
    "_assemble": "putting histories together in pieces, without the reading before it",
    "_read": "how often a body is read, which only time would show",
    "_execute": "one operation beside its neighbours, without the HTTP edge between them",
    "_connection": "the library's connection, which its users never see: how much time one reading has",
    "_opened": "see _connection",
    "_refuse_doubled": "the hook that refuses doubled keys, compared with the faster decoder",
    "_AS_THEY_ARE": "types whose values stand in JSON as they are, each compared with graphql-core",
    "_OPERATION": "documents that are sent with a token, to look for the token in what is logged of them",
    # Seams (tests/test_seams.py).
    "_buckets": "inside prometheus_client.Histogram, see tests/test_seams.py",
    "_sum": "inside prometheus_client.Histogram, see tests/test_seams.py",
    "_upper_bounds": "inside prometheus_client.Histogram, see tests/test_seams.py",
    # The standard library's own.
    "_exit": "os._exit: a forked child must not run pytest's exit handlers",
}
# Public in spite of its underscore: of named tuples and of SQLAlchemy's rows.
_PUBLIC = {"_asdict", "_mapping", "_replace"}
_PATCHING = {"setattr", "delattr", "patch"}


def private_names(tree: ast.AST) -> set[str]:
    """Names beginning with one underscore that are looked up on something else than a test's own objects."""
    own = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and is_private(node.name)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls"):
            names.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gateway"):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _PATCHING:
            texts = [one.value for one in node.args[:2] if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            names |= {text.rpartition(".")[2] for text in texts}
    return {name for name in names if is_private(name)} - own


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in _PUBLIC


@pytest.mark.slow
def test_a_test_that_reaches_for_a_private_name_says_why() -> None:
    found: dict[str, set[str]] = {}
    for path in TESTS.rglob("*.py"):
        for name in private_names(ast.parse(path.read_text("utf-8"))):
            found.setdefault(name, set()).add(path.relative_to(TESTS).as_posix())
    unexplained = {name: sorted(places) for name, places in found.items() if name not in REASONS}
    assert not unexplained, f"use a public name, or say here why there is none: {unexplained}"
    assert set(REASONS) == found.keys(), f"no longer needed: {REASONS.keys() - found.keys()}"
