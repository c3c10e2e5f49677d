"""What an analysis is based on: typed clients never see `extensions`."""

from __future__ import annotations

from datetime import datetime

import strawberry

from gateway.hierarchy.measures.basis import FactSource
from gateway.schema.vocabulary.enums import describe

describe(
    FactSource,
    "Where facts come from.",
    {
        "ARCHIVE": "The gateway's archive: artifacts of every run.",
        "DISCOVERY": "dbt's APIs: as far as they report it.",
    },
)


@strawberry.type(description="What an analysis is based on.")
class Basis:
    source: FactSource = strawberry.field(description="Where the facts come from.")
    run_count: int = strawberry.field(description="How many runs were looked at.")
    since: datetime | None = strawberry.field(
        description="When the oldest of them began (UTC); null when there are none, or none says."
    )
    missing: list[str] = strawberry.field(
        description="What is missing, in plain words: no thread count, no manifest, no times. Empty when nothing is."
    )
