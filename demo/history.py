"""What changes in the projects' code, and what goes wrong in their data and on their machines, and when."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from datetime import datetime

from demo.account import at

Change = str | tuple[str, str] | None


@dataclass(frozen=True)
class Revision:
    """A change of code from a time on. A file gets new text, a piece of it is replaced, or (None) it is removed."""

    project: str
    since: datetime
    target: str | None
    files: dict[str, Change]


@dataclass(frozen=True)
class Incident:
    """A fault in the landed data between two times."""

    project: str
    since: datetime
    until: datetime
    kind: str


@dataclass(frozen=True)
class Reusing:
    """From a time on, the runs of a job reuse what did not change."""

    job: int
    since: datetime


@dataclass(frozen=True)
class Kill:
    """A signal that ends dbt as soon as a line of its log contains `after`, in one step of one run."""

    step: int
    signal: signal.Signals
    after: str


_FORECAST = """{{ config(tags=['daily']) }}
select s.i % 90 as day_ahead, currency, sum(outstanding * exp(-0.01 * (s.i % 90))) as expected
from (select currency, sum(outstanding) as outstanding from {{ ref('fct_invoices') }} group by 1), \
generate_series(1, 2500000) as s(i)
group by 1, 2
"""
_SPEND_WITH_VISITORS = """{{ config(materialized='incremental', unique_key=['campaign_id', 'hour'], \
on_schema_change='fail', tags=['daily', 'hourly']) }}
select campaign_id, date_trunc('hour', clicked_at) as hour, count(*) as clicks, sum(cost) as spend, \
count(distinct visitor_id) as visitors
from {{ ref('stg_clicks') }}
{% if is_incremental() %}where clicked_at >= (select coalesce(max(hour), timestamp '2000-01-01') \
from {{ this }}){% endif %}
group by 1, 2
"""
_ON_TIME = "models/marts/rpt_on_time.sql"
_MOVED = "{{ exceptions.raise_compiler_error('service level table moved') if execute }}\n"
_MONTHLY = "models/marts/fct_revenue_monthly.sql"
_ATTRIBUTION = "models/marts/fct_attribution.sql"
_SIGNUPS = "count(distinct signup_id) as signups"
_SIGNUPS_MISSPELT = "count(distinct signup_idd) as signups"
_PAIRS = "models/marts/fct_basket_pairs.sql"
_SAME_ORDER, _SAME_CUSTOMER = "b.order_id = a.order_id", "b.customer_id = a.customer_id"
_RUN_LOG = "insert into main.run_log"
_AGING_VIEW, _AGING_TABLE = "materialized='view', tags=['daily']", "materialized='table', tags=['daily', 'sla']"

REVISIONS = (
    # A view becomes a table.
    Revision("finance", at("2026-03-05T00:00"), None, {"models/marts/rpt_ar_aging.sql": (_AGING_VIEW, _AGING_TABLE)}),
    # A reference that does not parse: such a run leaves no artifacts at all.
    Revision(
        "finance", at("2026-03-05T12:00"), "staging", {_MONTHLY: ("ref('currency_codes')", "ref('currency_code')")}
    ),
    Revision(
        "finance", at("2026-03-06T00:00"), "staging", {_MONTHLY: ("ref('currency_code')", "ref('currency_codes')")}
    ),
    # A slowdown that comes from code, and a new model.
    Revision(
        "finance",
        at("2026-03-08T00:00"),
        None,
        {
            "dbt_project.yml": ("aging_buckets: 40", "aging_buckets: 140"),
            "models/marts/rpt_cash_forecast.sql": _FORECAST,
        },
    ),
    # A column that does not exist, mended a day later together with the removal of a model.
    Revision("marketing", at("2026-03-06T00:00"), None, {_ATTRIBUTION: (_SIGNUPS, _SIGNUPS_MISSPELT)}),
    Revision(
        "marketing",
        at("2026-03-07T00:00"),
        None,
        {_ATTRIBUTION: (_SIGNUPS_MISSPELT, _SIGNUPS), "models/marts/rpt_legacy_spend.sql": None},
    ),
    # A new column on an incremental model, which fails until the next full refresh.
    Revision("marketing", at("2026-03-09T16:00"), None, {"models/marts/fct_campaign_spend.sql": _SPEND_WITH_VISITORS}),
    # A compile error, mended a day later.
    Revision(
        "logistics", at("2026-03-07T00:00"), None, {_ON_TIME: ("select d.date_day", f"{_MOVED}select d.date_day")}
    ),
    Revision("logistics", at("2026-03-08T00:00"), None, {_ON_TIME: (_MOVED, "")}),
    # A slowdown that comes from code: pairs of all that a customer bought, not of one order.
    Revision("storefront", at("2026-02-25T15:00"), None, {_PAIRS: (_SAME_ORDER, _SAME_CUSTOMER)}),
    # A hook that writes to a table which is not there.
    Revision("storefront", at("2026-03-11T12:00"), None, {"dbt_project.yml": (_RUN_LOG, f"{_RUN_LOG}s")}),
)

_FOREVER = at("2026-12-31T00:00")
INCIDENTS = (
    Incident("finance", at("2026-03-04T00:00"), at("2026-03-04T12:00"), "bad_gl"),
    Incident("finance", at("2026-03-06T00:00"), at("2026-03-06T12:00"), "dup_invoice"),
    Incident("finance", at("2026-03-08T06:00"), at("2026-03-10T05:30"), "stale"),
    Incident("finance", at("2026-03-11T00:00"), _FOREVER, "bad_gl"),
    Incident("marketing", at("2026-03-05T00:00"), _FOREVER, "new_channel"),
    Incident("marketing", at("2026-03-08T00:00"), at("2026-03-08T12:00"), "null_visitor"),
    Incident("logistics", at("2026-03-05T00:00"), at("2026-03-05T02:10"), "bad_scan"),
    Incident("logistics", at("2026-03-09T18:00"), at("2026-03-10T12:00"), "stale"),
    Incident("logistics", at("2026-03-09T15:00"), at("2026-03-09T16:00"), "missing_table"),
    # The payments of some orders come a day late, now and then.
    Incident("storefront", at("2026-02-15T00:00"), at("2026-02-17T00:00"), "late_payments"),
    Incident("storefront", at("2026-02-21T00:00"), at("2026-02-22T00:00"), "late_payments"),
    Incident("storefront", at("2026-02-27T00:00"), at("2026-02-28T00:00"), "late_payments"),
    Incident("storefront", at("2026-03-04T00:00"), at("2026-03-05T00:00"), "late_payments"),
    Incident("storefront", at("2026-03-08T00:00"), at("2026-03-09T00:00"), "late_payments"),
)

# By job and the number of its run.
KILLS = {
    (302002, 3): Kill(1, signal.SIGINT, "START sql incremental model prod.int_sessions"),
    (302002, 6): Kill(1, signal.SIGKILL, "START sql incremental model prod.int_sessions"),
    (302003, 4): Kill(1, signal.SIGINT, "START sql table model prod.rpt_ltv"),
    (303001, 6): Kill(2, signal.SIGTERM, "START sql table model prod.rpt_route_matrix"),
}

REUSING = Reusing(304003, at("2026-03-09T00:00"))
