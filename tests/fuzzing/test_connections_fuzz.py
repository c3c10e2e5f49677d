"""The fuzzer of connections for a moment: that it runs, and that its seeds and some mutations of them hold."""

from __future__ import annotations

import pytest

from tests.fuzzing.connections import SEEDS, Target, run_blindly


@pytest.mark.slow
def test_the_seeds_hold_in_any_number_of_pieces() -> None:
    with Target() as target:
        for seed in SEEDS:
            for pieces in range(16):
                target.run(bytes([pieces]) + seed)


@pytest.mark.slow
def test_a_few_mutations_hold() -> None:
    assert run_blindly(60, most=500, seed=7) == 500
