"""How often a test repeats what it does: a few times by day, many times by night."""

from __future__ import annotations

from typing import Any

import pytest


def daily_and_nightly(daily: int, nightly: int) -> list[Any]:
    """Values of a parameter: what `make test` takes, and what `make test-nightly` takes as well."""
    return [daily, pytest.param(nightly, marks=pytest.mark.nightly)]
