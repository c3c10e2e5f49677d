"""The last steps of a response: what a client holds already is not sent, and the rest is compressed."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import Response

from gateway.execution.request import Answer
from gateway.http.compression.content_coding import ContentCoding, compress
from gateway.http.response_cache.freshness import condition_of, end_of_data, is_unmodified


def unmodified_reply(reply: Response, headers: Headers) -> Response | None:
    """What a client hears that holds the answer already; None for others."""
    headers_of_reply = {
        name: value for name, value in reply.raw_headers if name in (b"cache-control", b"etag", b"vary")
    }
    if not is_unmodified(condition_of(headers.raw), headers_of_reply.get(b"etag")):
        return None
    unmodified = Response(status_code=304)
    unmodified.raw_headers = list(headers_of_reply.items())
    return unmodified


async def compressed_reply(reply: Response, answer: Answer, coding: ContentCoding) -> Response:
    """The response in a content coding; what differs each time follows as a stored block."""
    body = bytes(reply.body)
    end = end_of_data(body, answer) or len(body)
    start = await compress(body[:end], coding, coding.quick)
    sent = Response(start.data + start.end(body[end:]), reply.status_code)
    length = (b"content-length", b"%d" % len(sent.body))
    sent.raw_headers = [
        *(header for header in reply.raw_headers if header[0] != b"content-length"),
        *coding.headers,
        length,
    ]
    return sent
