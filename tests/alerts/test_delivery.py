"""Destinations that fail: a message waits in the archive, and is sent once it is accepted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest

from gateway.alerts.delivery import DeliveryRetries
from gateway.archive.times import from_micros
from tests.alerts.conftest import AT_ONCE, FAILED_JOBS, Account, again, alerting, counting, one_pass, webhook
from tests.alerts.stand_ins import HttpStandIn, closed_port

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([(500, {})], "127.0.0.1 answered with HTTP 500"),
        ([(404, {})], "127.0.0.1 answered with HTTP 404: check the destination's URL and credentials"),
        (
            [(302, {"Location": "http://127.0.0.1:1/"})],
            "127.0.0.1 answered with HTTP 302: redirects are not followed, name the final address",
        ),
        ([(0, {})], "127.0.0.1 did not answer within 1 s"),
    ],
)
async def test_a_message_that_is_not_accepted_is_sent_again(
    account: Account, service: HttpStandIn, answers: Any, problem: str
) -> None:
    account.run(5, "error")
    service.answers += answers
    settings = account.settings([FAILED_JOBS], [webhook(service)])
    never = DeliveryRetries(first=3600.0)
    first = await one_pass(settings, never)
    assert (first.opened, first.report.sent, first.report.problems) == (1, 0, (f"hook: {problem}",))
    (waiting,) = account.messages
    assert (waiting.tries, waiting.ended_at, waiting.problem) == (1, None, problem)
    assert (await one_pass(settings, never)).report.sent == 0, "it is not due yet"
    with account.archive.writing() as connection:
        connection.exec_driver_sql("UPDATE alert_messages SET due_at = 0")
    assert (await one_pass(settings, never)).report.sent == 1, "by another process, after a restart"
    assert len({request.json["dedupKey"] for request in service.requests}) == 1
    assert len({request.headers["Idempotency-Key"] for request in service.requests}) == 1
    assert len(service.requests) == 2


async def test_retry_after_is_kept_to(account: Account, service: HttpStandIn) -> None:
    account.run(5, "error")
    service.answers.append((429, {"Retry-After": "7200"}))
    await one_pass(account.settings([FAILED_JOBS], [webhook(service)]))
    (waiting,) = account.messages
    wait = from_micros(waiting.due_at) - datetime.now(UTC)
    assert timedelta(hours=1, minutes=55) < wait <= timedelta(hours=2)


async def test_nobody_listens(account: Account) -> None:
    account.run(5, "error")
    hook = {"name": "hook", "kind": "webhook", "url": f"http://127.0.0.1:{closed_port()}/secret-path"}
    report = (await one_pass(account.settings([FAILED_JOBS], [hook]), DeliveryRetries())).report
    assert report.problems == ("hook: 127.0.0.1 could not be reached (ClientConnectorError)",)
    assert account.messages[0].ended_at is None


async def test_what_resolves_waits_for_what_it_resolves(account: Account, service: HttpStandIn) -> None:
    account.run(5, "error")
    service.answers += [(500, {}), (200, {}), (200, {})]
    settings = account.settings([FAILED_JOBS], [webhook(service)])
    await one_pass(settings, DeliveryRetries(first=3600.0))
    account.run(1)
    assert (await one_pass(settings)).report.sent == 0
    with account.archive.writing() as connection:
        connection.exec_driver_sql("UPDATE alert_messages SET due_at = 0")
    assert (await one_pass(settings)).report.sent == 2
    assert [request.json["status"] for request in service.requests] == ["firing", "firing", "resolved"]


async def test_a_message_is_given_up_at_last(account: Account, service: HttpStandIn) -> None:
    account.run(5, "error")
    service.answers.append((500, {}))
    settings = account.settings([FAILED_JOBS], [webhook(service)])
    report = (await one_pass(settings, DeliveryRetries(give_up=-1.0))).report
    assert report.gave_up == 1
    (message,) = account.messages
    assert (message.ended_at is not None, message.problem) == (True, "127.0.0.1 answered with HTTP 500")


async def test_nothing_is_sent_in_quiet_hours(account: Account, service: HttpStandIn) -> None:
    now = datetime.now(UTC)
    quiet = {"begin": f"{now - timedelta(hours=1):%H:%M}", "end": f"{now + timedelta(hours=2):%H:%M}"}
    settings = account.settings([FAILED_JOBS], [webhook(service, quiet_hours=quiet)])
    account.run(5, "error")
    assert (await one_pass(settings)).report.sent == 0
    (waiting,) = account.messages
    assert from_micros(waiting.due_at).strftime("%H:%M") == quiet["end"]
    account.run(1)
    assert (await one_pass(settings)).report.sent == 0
    assert [message.problem for message in account.messages] == ["it was over before quiet hours ended"]
    assert service.requests == []


async def test_two_gateways_take_turns(account: Account, service: HttpStandIn) -> None:
    account.run(5, "error")
    settings = account.settings([FAILED_JOBS], [webhook(service)])
    first, second = await asyncio.gather(one_pass(settings), one_pass(settings))
    assert sorted([first.report.sent, second.report.sent]) == [0, 1]
    assert len(service.requests) == 1


async def test_a_look_takes_few_statements(account: Account, service: HttpStandIn) -> None:
    for hours in (30, 20, 10):
        account.run(hours, "error")
    settings = account.settings([FAILED_JOBS], [webhook(service)])
    async with alerting(settings, AT_ONCE) as opened, opened.lease.held(lambda: None):
        seen: list[str] = []
        counting(opened.monitor.archive, seen)
        assert (await again(opened)).report.sent == 1
        kept = [statement for statement in seen if "alert" in statement]
        seen.clear()
        second = await again(opened)
        assert second.report.sent == 0
        assert second.look.upstream_requests == 4, "the lists of the account, and the revision of its environment"
        # Open incidents and their keys; the sign of life; what is due.
        assert [" ".join(statement.split()[:4]) for statement in seen if "alert" in statement] == [
            "SELECT alerts.dedup_key, alerts.account_id, alerts.rule,",
            "SELECT alerts.dedup_key FROM alerts",
            "UPDATE alert_senders SET beat=(alert_senders.beat",
            "SELECT alert_messages.id, alert_messages.account_id, alert_messages.dedup_key,",
        ]
    # Besides these: the incident (looked for, written), its message (written, due, noted as sent, due), a sign of life.
    assert len(kept) == 10, kept


async def test_e_mail_is_sent_and_resolved_in_one_thread(account: Account) -> None:
    controllers = pytest.importorskip("aiosmtpd.controller", reason="aiosmtpd is not installed")
    mails: list[Message] = []
    refusals = ["451 try again"]

    class Inbox:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            if refusals:
                return refusals.pop()
            mails.append(message_from_bytes(envelope.content))
            return "250 OK"

    controller = controllers.Controller(Inbox(), hostname="127.0.0.1", port=closed_port())
    controller.start()
    try:
        mail = {
            "name": "hook",
            "kind": "email",
            "host": "127.0.0.1",
            "port": controller.port,
            "security": "none",
            "sender": "dbt@example.com",
            "to": ["a@example.com", "b@example.com"],
        }
        settings = account.settings([FAILED_JOBS], [mail])
        account.run(5, "error")
        refused = (await one_pass(settings, DeliveryRetries(first=3600.0))).report
        assert refused.problems == ("hook: 127.0.0.1 refused the message (SMTP 451)",)
        with account.archive.writing() as connection:
            connection.exec_driver_sql("UPDATE alert_messages SET due_at = 0")
        assert (await one_pass(settings)).report.sent == 1
        account.run(1)
        assert (await one_pass(settings)).report.sent == 1
    finally:
        controller.stop()
    opened, resolved = mails
    assert opened["Subject"] == "[dbt] Job job 101 failed"
    assert resolved["Subject"] == "[dbt] Resolved: Job job 101 failed"
    assert opened["To"] == "a@example.com, b@example.com"
    assert resolved["In-Reply-To"] == opened["Message-ID"] != resolved["Message-ID"]
    assert "Cause: Model orders failed" in str(opened.get_payload())


async def test_an_smtp_server_that_is_not_there(account: Account) -> None:
    account.run(5, "error")
    mail = {
        "name": "hook",
        "kind": "email",
        "host": "127.0.0.1",
        "port": closed_port(),
        "sender": "dbt@example.com",
        "to": ["a@example.com"],
    }
    report = (await one_pass(account.settings([FAILED_JOBS], [mail]), DeliveryRetries())).report
    assert report.problems == ("hook: 127.0.0.1 could not be reached (ConnectionRefusedError)",)
