"""Sends alerts by e-mail. A message has the same Message-ID however often it is sent; the one that resolves an incident
answers the one that announced it."""

from __future__ import annotations

import asyncio
import logging
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP

from gateway.alerts.alert import Alert
from gateway.alerts.channels.message_text import facts, headline, link
from gateway.alerts.destination import NotDelivered

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where e-mail is handed over. `security`: starttls, tls or none."""

    host: str
    port: int
    security: str
    user: str | None
    password: str | None
    seconds: float


class EmailChannel:
    """Hands messages to an SMTP server, in a thread."""

    def __init__(self, server: SmtpServer, sender: str, recipients: tuple[str, ...], base: str | None) -> None:
        self._server = server
        self._sender = sender
        self._recipients = recipients
        self._base = base

    async def send(self, alert: Alert) -> None:
        await asyncio.to_thread(self._hand_over, self.message(alert))

    def preview(self, alert: Alert) -> str:
        message = self.message(alert)
        return f"Subject: {message['Subject']}\nTo: {message['To']}\n\n{message.get_content()}".rstrip()

    def message(self, alert: Alert) -> EmailMessage:
        """The e-mail about an alert."""
        message = EmailMessage(policy=SMTP)
        message["Subject"] = " ".join(f"[dbt] {headline(alert)}".split())
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        announced = self._message_id(alert, "trigger")
        message["Message-ID"] = self._message_id(alert, "resolve") if alert.is_resolved else announced
        if alert.is_resolved:
            message["In-Reply-To"] = announced
            message["References"] = announced
        message["Auto-Submitted"] = "auto-generated"
        lines = [headline(alert), "", *(f"{label}: {value}" for label, value in facts(alert))]
        address = link(alert, self._base)
        message.set_content("\n".join([*lines, *(["", address] if address else [])]) + "\n")
        return message

    def _message_id(self, alert: Alert, action: str) -> str:
        domain = self._sender.rpartition("@")[2].rstrip(">") or "localhost"
        return f"<{alert.dedup_key}.{action}@{domain}>"

    def _hand_over(self, message: EmailMessage) -> None:
        server = self._server
        try:
            with self._connected() as connection:
                if server.security == "starttls":
                    connection.starttls(context=ssl.create_default_context())
                if server.user is not None and server.password is not None:
                    connection.login(server.user, server.password)
                refused = connection.send_message(message)
        except smtplib.SMTPAuthenticationError as failure:
            raise NotDelivered(f"{server.host} refused the credentials (SMTP {failure.smtp_code})") from None
        except smtplib.SMTPRecipientsRefused as failure:
            code = next(iter(failure.recipients.values()))[0]
            raise NotDelivered(f"{server.host} refused every recipient (SMTP {code})") from None
        except smtplib.SMTPResponseException as failure:
            raise NotDelivered(f"{server.host} refused the message (SMTP {failure.smtp_code})") from None
        except TimeoutError:
            raise NotDelivered(f"{server.host} did not answer within {server.seconds:g} s") from None
        except (smtplib.SMTPException, OSError) as failure:
            raise NotDelivered(f"{server.host} could not be reached ({type(failure).__name__})") from None
        if refused:
            # The others have it: sent again, they would have it twice.
            log.warning("%s refused %d of %d recipients of an alert", server.host, len(refused), len(self._recipients))

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        if server.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(server.host, server.port, timeout=server.seconds, context=context)
        return smtplib.SMTP(server.host, server.port, timeout=server.seconds)
