"""A process that is killed between two statements leaves whole runs and roll-ups that equal them.

A few crashes here; `python -m tests.archive.crashes --count 120` makes as many as one likes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.nightly
def test_more_than_a_hundred_crashes_lose_nothing_and_count_nothing_twice() -> None:
    command = [sys.executable, "-m", "tests.archive.crashes", "--count", "110", "--seed", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "110 crashes survived\n", done.stderr


@pytest.mark.slow
@pytest.mark.nightly
def test_a_hundred_crashes_of_compacting_lose_nothing_and_count_nothing_twice() -> None:
    assert crashes_of_compacting(100) == "100 crashes survived\n"


@pytest.mark.slow
def test_crashes_of_compacting_lose_nothing_and_count_nothing_twice() -> None:
    assert crashes_of_compacting(3) == "3 crashes survived\n"


def crashes_of_compacting(count: int) -> str:
    pytest.importorskip("duckdb", reason="compacted months need DuckDB: pip install 'dbt-gateway[columnar]'")
    command = [sys.executable, "-m", "tests.archive.compaction_crashes", "--count", str(count)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


@pytest.mark.slow
def test_crashes_between_any_two_statements_lose_nothing_and_count_nothing_twice() -> None:
    """In a process of its own, which forks: this one has threads."""
    command = [sys.executable, "-m", "tests.archive.crashes", "--count", "6"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "6 crashes survived\n", done.stderr
