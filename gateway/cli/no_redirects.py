"""HTTP without redirects: a key is for the address that a person named."""

from __future__ import annotations

import urllib.request
from typing import Any


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Makes urllib take a redirect for an answer like any other."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None
