"""How fresh an answer a caller asks for: what `Cache-Control` says in a request (RFC 9111, 5.2.1)."""

from __future__ import annotations

import re

from starlette.datastructures import Headers

_MAX_AGE = re.compile(r'max-age="?(\d{1,9})"?')


def max_age_of(headers: Headers) -> float | None:
    """Seconds: `max-age=N` says N, `no-cache` says 0, both the stricter; None when nothing is asked for.

    Other directives, and what cannot be read, mean nothing, as the RFC has it.
    """
    directives = [part.strip().lower() for value in headers.getlist("cache-control") for part in value.split(",")]
    ages = [float(age[1]) for directive in directives if (age := _MAX_AGE.fullmatch(directive))]
    return 0.0 if "no-cache" in directives else min(ages, default=None)
