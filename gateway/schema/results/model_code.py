"""The ModelCode type: the code that a model had in one run."""

from __future__ import annotations

import strawberry

from gateway.schema.vocabulary.contracts import CODE


@strawberry.type(description="The code that a model had in one run.", directives=[CODE])
class ModelCode:
    raw_code: str | None = strawberry.field(
        description="Its code as written; null where the run did not touch the model, or left no manifest."
    )
    compiled_code: str | None = strawberry.field(description="Its code as compiled; null where it was not.")
