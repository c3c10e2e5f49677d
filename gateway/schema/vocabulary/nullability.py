"""What a null means: fields that are null only where the answer holds an error for them are marked in the schema.

Clients that handle errors (Relay, Apollo Kotlin) generate non-null types for such fields.
"""

from __future__ import annotations

from typing import Final

import strawberry
from strawberry.schema_directive import Location


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="semanticNonNull",
    description="Null only together with an error in `errors`; clients that handle errors read the field as non-null.",
)
class SemanticNonNull:
    levels: list[int | None] | None = (0,)  # type: ignore[assignment]  # a list cannot be a default


NON_NULL: Final = SemanticNonNull(levels=strawberry.UNSET)
"""Of a field itself; the items of our lists are non-null anyway."""
