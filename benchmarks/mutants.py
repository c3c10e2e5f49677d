"""Changes one thing at a time in a module and asks the tests whether they notice: how much they are worth.

    python -m benchmarks.mutants gateway/http/guarded.py tests/identity [--most 50] [--seed 1]

Works on a copy of the checkout. Prints the changes that nobody noticed, and the share of those that somebody did; a
change that made the tests run far longer than without it counts as noticed, and is told apart. The tests run in the
order given: quick ones that are likely to notice should come first.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[1]
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache")
# Loaded once for all the runs: what the tests load that is not ours, without plugins of pytest, which it loads itself.
_FOREIGN = (
    "aiohttp",
    "cryptography.x509",
    "graphql",
    "httpx2",
    "jwt",
    "pydantic_settings",
    "redis.asyncio",
    "sqlalchemy",
    "starlette.testclient",
    "strawberry.federation",
    "uvicorn",
)
_OPTIONS = ("-q", "-x", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
_BOUNDS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_COMPARISONS = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


def mutants(tree: ast.Module) -> Iterator[tuple[int, str, ast.Module]]:
    """Each change: its line, what it is, and the whole module with it."""
    ornaments = {id(part) for one in _ornaments(tree) for part in ast.walk(one)}
    seen = {ast.unparse(tree)}
    for place, original in enumerate(list(ast.walk(tree))):
        if id(original) in ornaments:
            continue
        changed = deepcopy(tree)
        node = list(ast.walk(changed))[place]
        for what in _change(node):
            # Some changes come to the same, such as turning a condition and taking the `not` from it.
            text = ast.unparse(changed)
            if text not in seen:
                seen.add(text)
                yield getattr(node, "lineno", 0), what, changed


def _ornaments(tree: ast.Module) -> Iterator[ast.expr]:
    """Decorators and annotations."""
    for node in ast.walk(tree):
        yield from getattr(node, "decorator_list", ())
        yield from (one for name in ("annotation", "returns") if (one := getattr(node, name, None)) is not None)


def _change(node: ast.AST) -> Iterator[str]:
    """Changes the node in place, if it is one to be changed, and says how."""
    before = ast.unparse(node) if isinstance(node, ast.expr | ast.stmt) else ""
    if isinstance(node, ast.Compare):
        node.ops[0] = _COMPARISONS[type(node.ops[0])]()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
    elif isinstance(node, ast.If | ast.IfExp) and not _is_turned_by_itself(node.test):
        node.test = ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        node.value = not node.value
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        node.value += 1
    elif isinstance(node, ast.Return) and node.value is not None and not _is_nothing(node.value):
        node.value = ast.Constant(None)
    elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
        node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        node.op = ast.Add()
    else:
        return
    yield f"{before[:60]!r} -> {ast.unparse(ast.fix_missing_locations(node))[:60]!r}"


def _is_nothing(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _is_turned_by_itself(test: ast.expr) -> bool:
    """Whether the change of the comparison says the opposite already."""
    return isinstance(test, ast.Compare) and len(test.ops) == 1 and not isinstance(test.ops[0], _BOUNDS)


def run(copy: Path, tests: Sequence[str], seconds: float) -> str:
    """Whether the tests pass: "passed", "failed" or "too long"."""
    shutil.rmtree(copy / ".hypothesis", ignore_errors=True)
    child = os.fork()
    if not child:
        _run_here(copy, tests)
    give_up, ended = time.monotonic() + seconds, 0
    try:
        while time.monotonic() < give_up:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return "failed" if status else "passed"
            time.sleep(0.02)
        return "too long"
    finally:
        if not ended:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _run_here(copy: Path, tests: Sequence[str]) -> NoReturn:
    """Runs the tests and ends this process, which is one of its own."""
    status = 1
    try:
        os.setsid()
        os.chdir(copy)
        sys.path[:] = [str(copy), *(one for one in sys.path if Path(one) != ROOT)]
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        status = int(pytest.main([*_OPTIONS, *tests]))
    finally:
        os._exit(status)


def main() -> None:
    """Reads the command line, tries the mutants, prints what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("module", type=Path, help="the module to change, from the root of the checkout")
    parser.add_argument("tests", nargs="+", help="tests that should notice")
    parser.add_argument("--most", type=int, default=10_000, help="try so many of the changes at most")
    parser.add_argument("--seed", type=int, default=1, help="chooses them when there are more")
    given = parser.parse_args()
    source = (ROOT / given.module).read_text("utf-8")
    found = list(mutants(ast.parse(source)))
    chosen = random.Random(given.seed).sample(found, min(given.most, len(found)))
    for name in _FOREIGN:
        importlib.import_module(name)
    came: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        copy = Path(place) / "checkout"
        shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
        started = time.monotonic()
        if run(copy, given.tests, 600) != "passed":
            parser.error("the tests fail without any change")
        seconds = 60 + 3 * (time.monotonic() - started)
        # Whoever stops it, with a signal too, is told of those that were tried: they come in no order.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            for line, what, changed in chosen:
                (copy / given.module).write_text(ast.unparse(changed), "utf-8")
                outcome = run(copy, given.tests, seconds)
                came[outcome] += 1
                if outcome != "failed":
                    print(f"{given.module}:{line} {what}: {outcome}", flush=True)
    noticed, tried = came["failed"] + came["too long"], came.total()
    share = f"{noticed / max(1, tried):.0%}, {came['too long']} by taking too long"
    print(f"{given.module}: {noticed} of {tried} changes noticed ({share}), of {len(found)} there are")


if __name__ == "__main__":
    main()
