"""The extract-and-load step that real teams have before dbt: lands raw rows up to a moment, with the day's faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from demo.account import at
from demo.history import INCIDENTS

_START = at("2026-02-26T00:00")
_LOADED_ONCE_A_DAY = {"storefront"}


@dataclass(frozen=True)
class Landing:
    """A database that is being filled: `hours` since the start of data, `upto` which moment, with which faults.
    `day`: which of the month `upto` is."""

    connection: duckdb.DuckDBPyConnection
    hours: int
    day: int
    upto: str
    faults: frozenset[str]

    def stream(self, name: str, per_hour: int, columns: str) -> None:
        """Writes a table that has grown by `per_hour` rows an hour."""
        self.table(name, self.hours * per_hour, f"{columns}, {moment(per_hour)} as _loaded_at")

    def table(self, name: str, rows: int, columns: str) -> None:
        """Writes a table of a fixed size."""
        source = f"select {columns} from range({rows}) t(i)"  # noqa: S608 - every part is written in this file
        self.connection.execute(f"create or replace table raw.{name} as {source}")

    def break_if(self, fault: str, statement: str) -> None:
        """Runs the statement when this fault is on."""
        if fault in self.faults:
            self.connection.execute(statement)


def land(database: Path, project: str, now: datetime) -> None:
    """Fills the project's raw schema as of `now`."""
    present = [each for each in INCIDENTS if each.project == project and each.since <= now < each.until]
    upto = min([now, *(each.since for each in present if each.kind == "stale")])
    if project in _LOADED_ONCE_A_DAY:
        upto = upto.replace(hour=4, minute=0)
    connection = duckdb.connect(str(database))
    connection.execute("set threads=1; set TimeZone='UTC'; create schema if not exists raw")
    hours = int((upto - _START).total_seconds() // 3600)
    landing = Landing(
        connection, hours, upto.day, f"{upto:%Y-%m-%d %H:%M:%S}", frozenset(each.kind for each in present)
    )
    _LOADERS[project](landing)
    connection.close()


def moment(per_hour: int) -> str:
    """SQL for the time of row `i` of a stream."""
    return f"(timestamp '2026-02-26' + to_milliseconds((i * 3600000 // {per_hour})::bigint))"


def pick(salt: int, choices: int) -> str:
    """SQL for a number below `choices` that depends on row `i` alone."""
    return f"(hash(i * 31 + {salt}) % {choices})::bigint"


def _finance(landing: Landing) -> None:
    landing.table(
        "raw_customers",
        4000,
        "i as customer_id, 'Customer ' || i as name, 'c' || i || '@example.org' as email,"
        f" ['DE','US','GB','JP','SE'][1 + {pick(1, 5)}] as country,"
        f" timestamp '2026-02-26' + to_hours(({pick(2, landing.hours + 1)})::int) as updated_at,"
        f" timestamp '{landing.upto}' as _loaded_at",
    )
    landing.stream(
        "raw_invoices",
        400,
        f"i as invoice_id, {pick(3, 4000)} as customer_id,"
        f" ['EUR','USD','GBP','JPY','SEK'][1 + {pick(4, 5)}] as currency,"
        f" 1000 + {pick(5, 500000)} as amount_cents, {moment(400)} as issued_at,"
        f" {moment(400)} + interval 30 day as due_at, 'open' as status",
    )
    landing.stream(
        "raw_payments",
        300,
        f"i as payment_id, {pick(6, max(landing.hours * 400, 1))} as invoice_id,"
        f" 500 + {pick(7, 40000)} as amount_cents, {moment(300)} as paid_at",
    )
    landing.stream(
        "raw_gl_entries",
        900,
        f"i as entry_id, 4000 + {pick(8, 60)} as account, ({pick(9, 100000)} / 100.0)::varchar as amount_text,"
        f" {moment(900)} as posted_at",
    )
    landing.break_if(
        "bad_gl",
        "update raw.raw_gl_entries set amount_text = 'n/a'"
        " where entry_id = (select max(entry_id) from raw.raw_gl_entries)",
    )
    landing.break_if(
        "dup_invoice",
        "insert into raw.raw_invoices select * replace (customer_id + 1 as customer_id)"
        " from raw.raw_invoices order by invoice_id desc limit 3",
    )


def _marketing(landing: Landing) -> None:
    channels = ["google", "bing", "newsletter", "meta", "partner"]
    channels += ["tiktok"] if "new_channel" in landing.faults else []
    landing.table(
        "raw_campaigns",
        60,
        f"i as campaign_id, {channels}[1 + i % {len(channels)}] as utm_source,"
        f" 100000 + {pick(1, 900000)} + {landing.hours // 24} * (i % 3) as budget_cents,"
        f" timestamp '2026-02-26' as starts_at, timestamp '{landing.upto}' as _loaded_at",
    )
    landing.stream(
        "raw_clicks",
        2600,
        f"i as click_id, {pick(2, 40000)} as visitor_id, {pick(3, 60)} as campaign_id,"
        f" {pick(4, 300)} as cost_cents, {moment(2600)} as clicked_at",
    )
    landing.stream(
        "raw_signups",
        90,
        f"i as signup_id, {pick(5, 40000)} as visitor_id, 'v' || {pick(5, 40000)} || '@example.org' as email,"
        f" {moment(90)} as signed_up_at",
    )
    landing.break_if("null_visitor", "update raw.raw_signups set visitor_id = null where signup_id % 1000 = 7")


def _logistics(landing: Landing) -> None:
    landing.table(
        "raw_warehouses",
        52,
        f"i as warehouse_id, 'City ' || i as city, 35 + {pick(1, 2500)} / 100.0 as lat,"
        f" -10 + {pick(2, 4000)} / 100.0 as lon",
    )
    landing.stream(
        "raw_shipments",
        500,
        f"i as shipment_id, {pick(3, 52)} as warehouse_id,"
        f" ['express','standard','freight'][1 + {pick(4, 3)}] as service,"
        f" 200 + {pick(5, 30000)} as weight_g, {moment(500)} as created_at",
    )
    landing.stream(
        "raw_events",
        2000,
        f"i as event_id, {pick(6, max(landing.hours * 500, 1))} as shipment_id,"
        f" ['picked','packed','loaded','departed','arrived','delivered'][1 + {pick(7, 6)}] as kind,"
        f" {moment(2000)} as event_at, {pick(8, 9000)}::varchar as payload",
    )
    landing.break_if("missing_table", "drop table raw.raw_shipments cascade")
    landing.break_if(
        "bad_scan",
        "update raw.raw_events set payload = 'ERR' where event_id = (select max(event_id) from raw.raw_events) - 20000",
    )


def _storefront(landing: Landing) -> None:
    """The shop's tables hold the last 30 days and are loaded once a day; every second day is a busy one."""
    orders = 24000 if landing.day % 2 else 19000
    loaded = f"timestamp '{landing.upto}' as _loaded_at"
    landing.table(
        "raw_orders",
        orders,
        f"i as order_id, {pick(1, 6000)} as customer_id, timestamp '{landing.upto}'"
        f" - to_milliseconds(({orders} - i) * 2592000000 // {orders}) as ordered_at, {loaded}",
    )
    landing.table(
        "raw_order_lines",
        orders * 8,
        f"i as line_id, i // 8 as order_id, {pick(2, 400)} as product_id, 1 + {pick(3, 3)} as pieces,"
        f" 300 + {pick(4, 9000)} as price_cents, {loaded}",
    )
    landing.table("raw_payments", orders, f"i as payment_id, i as order_id, {loaded}")
    landing.table(
        "raw_products",
        400,
        f"i as product_id, 'Product ' || i as name, ['garden','kitchen','office','toys'][1 + {pick(5, 4)}] as category,"
        f" {loaded}",
    )
    landing.table("raw_stock", 400, f"i as product_id, {pick(6, 90)} as pieces, {loaded}")
    landing.break_if("late_payments", "delete from raw.raw_payments where order_id % 1000 = 7")


_LOADERS: dict[str, Callable[[Landing], None]] = {
    "finance": _finance,
    "marketing": _marketing,
    "logistics": _logistics,
    "storefront": _storefront,
}
