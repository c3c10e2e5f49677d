"""What a notebook shows of an object that has to be read first."""

from __future__ import annotations

import html
from collections.abc import Callable

from gateway.discovery_api.exceptions import DiscoveryApiError


def shown_or_failure(item: object, show: Callable[[], str]) -> str:
    """The picture or table that `show` makes; the object's name and the reason where it cannot be read."""
    try:
        return show()
    except DiscoveryApiError as failure:
        return f"<p><code>{html.escape(repr(item))}</code> {html.escape(str(failure))}</p>"
