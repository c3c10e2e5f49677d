"""Headers by which proxies and tracers name each request: what differs between requests that are the same otherwise."""

from __future__ import annotations

import re

_NAMES = (
    *(b"x-request-id", b"x-correlation-id", b"x-request-start", b"traceparent", b"tracestate", b"baggage"),
    *(b"b3", rb"x-b3-[a-z]+", b"x-amzn-trace-id", b"x-cloud-trace-context", rb"x-datadog-[a-z-]+"),
    *(b"sentry-trace", b"uber-trace-id", b"cf-ray"),
)
# Whole lines only, of characters that stand for themselves, and none that goes on in the next line.
_LINE = re.compile(rb"\r\n(?:" + b"|".join(_NAMES) + rb"):[\t\x20-\x7e]*(?=\r\n[^\t ])", re.IGNORECASE)
_MOST_NAMES = 8
_LONGEST_HEAD = 8 * 1024
_END = b"\r\n\r\n"


def unnamed(request: bytes) -> bytes:
    """A request as it came, without such headers; the same object where there are none, or too many, or a long head.

    None of them has a say in the answer. Where spans are made, which belong to a trace, every request is read.
    """
    end = request.find(_END, 0, _LONGEST_HEAD) + len(_END)
    if end < len(_END):
        return request
    head, count = _LINE.subn(b"", request[:end], _MOST_NAMES + 1)
    return head + request[end:] if 0 < count <= _MOST_NAMES else request
