"""What a question in a terminal does not import: a person waits for every module."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import parse, validate_schema
from graphql.utilities import build_ast_schema
from graphql.validation.validate import validate_sdl

from gateway.local_platform.discovery.schema import published_sdl

# Servers, clients of other servers, and what only other sources of data or other commands need.
NOT_IMPORTED = (
    "aiohttp",
    "gateway.cli.data_source",
    "gateway.http",
    "gateway.ingest.folders",
    "gateway.schema",
    "mcp",
    "opentelemetry.sdk",
    "pandas",
    "psycopg",
    "pyarrow",
    "redis",
    "sqlalchemy.dialects.postgresql",
    "strawberry",
    "uvicorn",
)

_ASK = """
import json, sys
from gateway.cli import main
code = main(sys.argv[1:])
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.slow
def test_a_question_over_an_archive_imports_no_server_and_no_other_client(demo_store: str) -> None:
    asking = [sys.executable, "-c", _ASK, "slowest", "--store", demo_store, "--first", "2"]
    done = subprocess.run(asking, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert "storefront.fct_basket_pairs" in done.stdout
    imported = set(json.loads(done.stderr.splitlines()[-1]))
    assert imported.isdisjoint(NOT_IMPORTED), imported.intersection(NOT_IMPORTED)


@pytest.mark.slow
def test_the_published_schema_is_valid_which_the_platform_takes_for_granted() -> None:
    document = parse(published_sdl())
    assert validate_sdl(document) == []
    assert validate_schema(build_ast_schema(document)) == []
