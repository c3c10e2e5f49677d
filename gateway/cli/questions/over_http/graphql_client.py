"""Asks a running gateway: one POST a document, and one line that says what to do where it fails."""

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
from gateway.errors import BadUserInput, ConfigurationError, GatewayError, UpstreamInvalidResponse, UpstreamUnavailable

KEY_VARIABLE = "DBT_GATEWAY_KEY"

_SECONDS = 60.0
_MOST_BYTES = 128 * 1024 * 1024
_GET_A_KEY = f"Set {KEY_VARIABLE} to an API key or a token that this gateway accepts"


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """What a gateway answered: data, whole, and its notes about what is not counted in them."""

    data: Mapping[str, Any]
    notes: tuple[Mapping[str, Any], ...]


class GraphQLClient:
    """Asks the gateway at an address, with a key where there is one. Raises BadUserInput for what is no address."""

    def __init__(self, url: str, key: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise BadUserInput("--url is not the address of a gateway: give https://HOST or http://HOST:PORT.")
        if key is not None and not (key.isascii() and key.isprintable()):
            raise ConfigurationError(f"{KEY_VARIABLE} is no key: it holds characters that no HTTP header may have.")
        self._shown = f"{parts.scheme}://{parts.netloc}{parts.path}"
        path = parts.path.rstrip("/")
        self._url = f"{parts.scheme}://{parts.netloc}{path if path.endswith('/graphql') else f'{path}/graphql'}"
        self._key = key
        # Redirects are not followed: the key is for this address.
        self._opener = urllib.request.build_opener(NoRedirects)

    def ask(self, document: str, variables: Mapping[str, Any]) -> GatewayAnswer:
        """The answer to a document; None among the variables is left out.

        Raises GatewayError for anything but a whole answer.
        """
        sent = {name: value for name, value in variables.items() if value is not None}
        status, body = self._post(json.dumps({"query": document, "variables": sent}).encode())
        answer = self._read(status, body)
        errors = answer.get("errors")
        if errors or status != 200:
            raise self._refused(status, errors[0] if errors else {})
        data = answer.get("data")
        if not isinstance(data, dict):
            raise self._no_gateway(status)
        extensions = answer.get("extensions", {}).get("gateway", {})
        return GatewayAnswer(data, tuple(extensions.get("notes", ())))

    def _post(self, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "dbt-gateway"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self._url, body, headers, method="POST")  # noqa: S310
        try:
            with self._opener.open(request, timeout=_SECONDS) as response:
                return response.status, response.read(_MOST_BYTES)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read(_MOST_BYTES)
        except urllib.error.URLError as problem:
            raise self._unreachable(problem.reason) from None
        except (OSError, HTTPException) as problem:
            raise self._unreachable(problem) from None

    def _read(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            raise self._no_gateway(status) from None
        if not isinstance(answer, dict) or not isinstance(answer.get("errors", []), list):
            raise self._no_gateway(status)
        return answer

    def _unreachable(self, reason: object) -> GatewayError:
        words = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        return UpstreamUnavailable(
            f"The gateway at {self._shown} cannot be reached: {words}. Check --url, and that the gateway runs."
        )

    def _no_gateway(self, status: int) -> GatewayError:
        return UpstreamInvalidResponse(
            f"{self._shown} does not answer as a gateway does (HTTP {status}). Check --url: it is the address of the "
            "gateway, with its path prefix where it has one."
        )

    def _refused(self, status: int, error: Mapping[str, Any]) -> GatewayError:
        message = str(error.get("message") or f"HTTP {status}")
        if status == 401:
            return ConfigurationError(f"The gateway at {self._shown} does not accept the key. {_GET_A_KEY}.")
        if status == 403 or error.get("extensions", {}).get("code") == "FORBIDDEN":
            return ConfigurationError(f"The gateway at {self._shown} does not let this key ask: {message}")
        return GatewayError(f"The gateway at {self._shown} answers: {message}")
