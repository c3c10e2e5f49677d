"""What a live connection asks of the endpoint: begin one operation, whatever its kind."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from gateway.execution.request import Answer
from gateway.http.request.parameters import Parameters
from gateway.identity.caller import Caller
from gateway.telemetry.request_record import RequestRecord


class OperationEndpoint(Protocol):
    """Takes requests as the endpoint does: by the same documents, the same gate and the same limits."""

    async def begin(
        self, parameters: Parameters, seen: RequestRecord, caller: Caller
    ) -> Answer | AsyncGenerator[Answer, None]:
        """The answers to a subscription, or the one answer of another operation. Raises GatewayError to refuse."""
