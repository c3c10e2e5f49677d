"""Text from elsewhere as a terminal or a log may show it: names of files can hold escape sequences and new lines."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` with everything that does not print written as `\\x1b`."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
