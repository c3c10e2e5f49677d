"""What a ranking leaves out, in words."""

from __future__ import annotations

from collections.abc import Mapping


def ranking_notes(noun: str, considered: int, without_runtime: int, left_out: Mapping[str, int]) -> tuple[str, ...]:
    """A line for what has no runtime, and one for the runs that do not count, by reason (`fullRefresh`)."""
    notes = []
    if without_runtime:
        notes.append(f"{without_runtime} of {considered} {noun}s have no runtime.")
    if left_out:
        counts = ", ".join(f"{count} {_words(reason)}" for reason, count in left_out.items())
        notes.append(f"Runs that do not count: {counts}.")
    return tuple(notes)


def _words(reason: str) -> str:
    """`fullRefresh` as a person writes it."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in reason)
