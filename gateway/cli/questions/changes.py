"""What `gateway what-if` changes."""

from __future__ import annotations

import argparse

from gateway.errors import BadUserInput

_CHANGES = ("threads", "factor", "seconds", "drop")


def ensure_changed(options: argparse.Namespace) -> None:
    """Raises BadUserInput where nothing would be different."""
    if not options.longest_first and not any(getattr(options, name) for name in _CHANGES):
        raise BadUserInput(
            "Nothing would be different: give --threads, --factor, --seconds, --drop or --longest-first."
        )
