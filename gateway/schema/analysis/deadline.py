"""Whether a job ends by a time of day."""

from __future__ import annotations

from typing import Annotated, NewType

import strawberry

from gateway.hierarchy.analysis import account_analysis as facts
from gateway.hierarchy.measures.statistics import Summary
from gateway.queries.analysis.concurrency import MOST_DAYS, data_age_of
from gateway.schema.context import Info, field_context
from gateway.schema.lists.paging import ensure_count
from gateway.schema.measures.basis import Basis
from gateway.schema.measures.statistics import RuntimeSummary
from gateway.schema.vocabulary.costs import dear

LocalTime = NewType("LocalTime", str)
TimeZone = NewType("TimeZone", str)

LOCAL_TIME = strawberry.scalar(name="LocalTime", description="A time of day, HH:MM.", serialize=str, parse_value=str)
TIME_ZONE = strawberry.scalar(
    name="TimeZone", description="An IANA time zone, such as Europe/Berlin.", serialize=str, parse_value=str
)

FinishedBy = Annotated[LocalTime, strawberry.argument(name="finishedBy", description="The time of day.")]
InZone = Annotated[TimeZone, strawberry.argument(name="timeZone", description="The time zone of that time.")]
LastDays = Annotated[
    int, strawberry.argument(name="lastDays", description="How many of the last days to look at, 1 to 365.")
]


def ensure_days(last_days: int) -> None:
    """Raises BadUserInput unless so many days may be looked at."""
    ensure_count("lastDays", last_days, MOST_DAYS)


@strawberry.type(description="Whether a job ends in time.")
class DeadlineReport:
    met_share: float | None = strawberry.field(
        description="Share of the days on which it did, 0 to 1. Null when no day counts."
    )
    day_count: int = strawberry.field(
        description="How many days count: those that have a run, created since the deadline before."
    )
    basis: Basis = strawberry.field(description="What the figures are based on.")

    @strawberry.field(
        description="Seconds left at the deadline, summarised; negative when late. A day is over with its first "
        "success; days without any later one are left out. Null when none is left.",
        graphql_type=RuntimeSummary | None,
    )
    def slack(self, parent: strawberry.Parent[facts.DeadlineReport]) -> Summary | None:
        return parent.slack_summary if parent.slack_summary.count else None

    @strawberry.field(
        description="How old the job's data was at the deadlines of those days, in seconds, summarised: since the "
        "oldest of the newest rows of its sources, as freshness checks reported them before the last success began "
        "that had ended by then. Null without such checks, without a manifest, and without an archive.",
        graphql_type=RuntimeSummary | None,
        directives=dear(5),
    )
    async def data_age(self, parent: strawberry.Parent[facts.DeadlineReport], info: Info) -> Summary | None:
        ages = await data_age_of(field_context(info), parent)
        return ages if ages.count else None
