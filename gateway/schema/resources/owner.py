"""The Owner type: who owns a model or an exposure."""

from __future__ import annotations

import strawberry

from gateway.schema.vocabulary.contracts import PEOPLE


@strawberry.type(description="Who owns a model or an exposure.", directives=[PEOPLE])
class Owner:
    name: str | None = strawberry.field(description="The owner's name; null where dbt knows none.")
    email: str | None = strawberry.field(description="The owner's address; null where dbt knows none.")
