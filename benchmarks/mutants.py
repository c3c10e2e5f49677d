"""Changes one thing at a time in a module and asks the tests whether they notice: how much they are worth.

    python -m benchmarks.mutants gateway/identity/tokens.py tests/authorisation/test_tokens.py [--most 50] [--seed 1]

Works on a copy of the checkout. Prints the changes that nobody noticed, and the share of those that somebody did.
"""

from __future__ import annotations

import argparse
import ast
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache")
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
    ornaments = {id(part) for one in _decorators(tree) for part in ast.walk(one)}
    for place, original in enumerate(list(ast.walk(tree))):
        if id(original) in ornaments:
            continue
        changed = deepcopy(tree)
        node = list(ast.walk(changed))[place]
        for what in _change(node):
            yield getattr(node, "lineno", 0), what, changed
            changed = deepcopy(tree)
            node = list(ast.walk(changed))[place]


def _decorators(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        yield from getattr(node, "decorator_list", ())


def _change(node: ast.AST) -> Iterator[str]:
    """Changes the node in place; one change each time it is asked."""
    before = ast.unparse(node) if isinstance(node, ast.expr | ast.stmt) else ""
    if isinstance(node, ast.Compare):
        node.ops[0] = _COMPARISONS[type(node.ops[0])]()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
    elif isinstance(node, ast.If | ast.IfExp):
        node.test = ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        node.value = not node.value
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        node.value += 1
    elif isinstance(node, ast.Return) and node.value is not None and not _is_nothing(node.value):
        node.value = ast.Constant(None)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
    else:
        return
    yield f"{before[:60]!r} -> {ast.unparse(ast.fix_missing_locations(node))[:60]!r}"


def _is_nothing(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def survives(copy: Path, tests: Sequence[str]) -> bool:
    """Whether no test fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        return subprocess.run(command, cwd=copy, capture_output=True, timeout=300).returncode == 0
    except subprocess.TimeoutExpired:
        return False


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
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        copy = Path(place) / "checkout"
        shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
        if not survives(copy, given.tests):
            parser.error("the tests fail without any change")
        noticed = 0
        for line, what, changed in sorted(chosen, key=lambda one: one[0]):
            (copy / given.module).write_text(ast.unparse(changed), "utf-8")
            if survives(copy, given.tests):
                print(f"{given.module}:{line} {what}", flush=True)
            else:
                noticed += 1
    print(f"{given.module}: {noticed} of {len(chosen)} noticed ({noticed / max(1, len(chosen)):.0%})")


if __name__ == "__main__":
    main()
