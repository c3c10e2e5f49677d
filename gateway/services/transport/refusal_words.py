"""dbt's own sentence for a refusal, fit for operators: short, printable, without addresses and what may be a token."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from gateway.concurrency.struct_decoders import json_decoder

_LONGEST = 200

# Refusals are short. A larger body is an answer, and is not read twice.
REFUSAL_BYTES = 16 * 1024

_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-fA-F]{0,4}:){3,}[0-9a-fA-F:.]*")
# A word of sixteen and more letters and digits together: an id, a key, a token.
_TOKEN = re.compile(r"\b(?=\w*\d)[\w+/=.-]{16,}")
_SPACE = re.compile(r"\s+")
_ABOUT_ADDRESS = re.compile(r"\bips?\b|\b(?:your|this|the) address\b|\ballow-?list", re.IGNORECASE)


class _Body(msgspec.Struct, frozen=True):
    errors: list[dict[str, Any]] = []
    status: dict[str, Any] | None = None


def refusal_words(body: bytes) -> str | None:
    """The sentence in the body of a refusal of either API; None where there is none, or none that may be shown."""
    if len(body) > REFUSAL_BYTES:
        return None
    try:
        read = json_decoder(_Body).decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    said = (read.status or {}).get("user_message") or next((error.get("message") for error in read.errors), None)
    return shown(said) if isinstance(said, str) else None


def shown(said: str) -> str | None:
    """A sentence of dbt's as it may stand in a log or report."""
    text = _TOKEN.sub("…", _ADDRESS.sub("…", _SPACE.sub(" ", said))).strip()
    if not text or not text.isprintable():
        return None
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def is_about_address(words: str | None) -> bool:
    """Whether a refusal is about where the gateway calls from, and not about its token."""
    return words is not None and _ABOUT_ADDRESS.search(words) is not None


def status_told(body: bytes) -> int | None:
    """The status in an envelope of the Admin API; None for other bodies."""
    if len(body) > REFUSAL_BYTES:
        return None
    try:
        code = (json_decoder(_Body).decode(body).status or {}).get("code")
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    return code if isinstance(code, int) else None
