"""Where messages go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.alerts.alert import Alert
from gateway.alerts.rule import QuietHours


class NotDelivered(Exception):
    """A message that was not accepted: why, in one line without secrets, and after how many seconds to try again; None
    where the destination does not say."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Channel(Protocol):
    """Sends the message about an alert. Raises NotDelivered."""

    async def send(self, alert: Alert) -> None: ...

    def preview(self, alert: Alert) -> str:
        """What would be sent, without secrets."""
        ...


@dataclass(frozen=True, slots=True)
class Destination:
    """A channel under the name that rules and routes give it."""

    name: str
    kind: str
    channel: Channel
    quiet_hours: QuietHours | None = None
    resolved: bool = True
