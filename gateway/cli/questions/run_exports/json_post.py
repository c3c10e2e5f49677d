"""Sends JSON to a system beside us: one POST, and one line that says what to do where it fails."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from gateway.cli.no_redirects import NoRedirects
from gateway.errors import BadUserInput, ConfigurationError, UpstreamUnavailable

_SECONDS = 30.0
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where JSON is sent: the address, what is there in words, the headers with its secrets, and the option that named
    it. Raises BadUserInput for what is no address."""

    url: str
    what: str
    option: str
    headers: Mapping[str, str]

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise BadUserInput(f"{self.option} is not the address of {self.what}: give http://HOST:PORT.")

    def post(self, value: object) -> Mapping[str, Any]:
        """Sends one value; the answer, empty where it is no JSON object.

        Raises UpstreamUnavailable where nobody answers, and ConfigurationError where it is refused.
        """
        headers = {"Content-Type": "application/json", "User-Agent": "dbt-gateway", **self.headers}
        body = json.dumps(value).encode()
        request = urllib.request.Request(self.url, body, headers, method="POST")  # noqa: S310
        try:
            # Redirects are not followed: the headers are for this address.
            with urllib.request.build_opener(NoRedirects).open(request, timeout=_SECONDS) as response:
                return _object(response.read(_MOST_BYTES))
        except urllib.error.HTTPError as refused:
            refused.close()
            raise ConfigurationError(
                f"{self.url} refuses what {self.option} sends: HTTP {refused.code}. {_advice(refused.code)}"
            ) from None
        except (OSError, HTTPException) as problem:
            reason = getattr(problem, "reason", problem)
            words = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
            raise UpstreamUnavailable(
                f"{self.url} cannot be reached: {words}. Check {self.option}, then send the run again: it is the same "
                "for the receiver."
            ) from None


def _advice(status: int) -> str:
    if status in (401, 403):
        return "Set the secret that it asks for, as docs/run-exports.md says."
    return "Check the address." if status in (301, 302, 307, 308, 404, 405) else "Try again later."


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
