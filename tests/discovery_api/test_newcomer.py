"""What docs/python.md shows is what happens, and what it lists is what there is."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from gateway.discovery_api import exceptions
from gateway.discovery_api.api import Job, Model, Project, Run, dbtAccount

PAGE = Path(__file__).parents[2] / "docs/python.md"


@pytest.mark.slow
def test_a_newcomer_gets_what_the_page_shows() -> None:
    examples = doctest.DocTestParser().get_examples(PAGE.read_text("utf-8"))
    assert len(examples) > 25
    outcome = doctest.testfile(
        str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS | doctest.FAIL_FAST, encoding="utf-8"
    )
    assert (outcome.failed, outcome.attempted) == (0, len(examples))


@pytest.mark.parametrize("resource", [dbtAccount, Project, Model, Job, Run], ids=lambda one: one.__name__)
def test_the_page_lists_what_there_is(resource: type) -> None:
    row = next(line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| `{resource.__name__}` |"))
    names = re.findall(r"`(\w+)(?:\([^)`]*\))?`", row.split("|")[2])
    assert len(names) > 8
    assigned = {"filter", "project_id", "model_id", "job_id", "run_id"}
    assert [name for name in names if not hasattr(resource, name) and name not in assigned] == []


def test_the_page_explains_every_exception() -> None:
    listed = set(re.findall(r"`(\w+(?:Error|Warning))`", PAGE.read_text("utf-8")))
    public = {name for name in vars(exceptions) if name.endswith(("Error", "Warning"))}
    assert public - listed == {"NotFoundError", "UpstreamError"}, "which stand for those below them"
