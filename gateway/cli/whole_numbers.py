"""Whole numbers among the options of commands."""

from __future__ import annotations

import argparse


def whole_number(text: str, least: int, most: int, what: str) -> int:
    """The number. Raises ArgumentTypeError for what is none from `least` to `most`; `what` says what it stands for."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}: it is a whole number from {least} to {most}")
    return int(text)
