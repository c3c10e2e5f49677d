"""Tags for contracts of a supergraph: what a variant for other readers may leave out. docs/federation.md lists them."""

from __future__ import annotations

from typing import Final

from strawberry.federation.schema_directives import Tag

CODE: Final = Tag(name="code")
"""Code of models, which may show what its tables do not."""

PEOPLE: Final = Tag(name="people")
"""Names and addresses of people."""

COSTS: Final = Tag(name="costs")
"""Money."""
