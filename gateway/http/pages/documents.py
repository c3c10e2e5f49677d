"""The pages' documents: one `.graphql` file for each screen. The gateway trusts them beside those of its users."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from gateway.http.request.persisted import hash_of


@dataclass(frozen=True, slots=True)
class PageDocument:
    """The document of one screen. The pages send its id, the SHA-256 of its text, never the text."""

    name: str
    text: str

    @property
    def id(self) -> str:
        """The id under which it is trusted."""
        return hash_of(self.text)


def read_documents() -> list[PageDocument]:
    """All documents of the pages, in the order of their names."""
    folder = files(__package__) / "screens"
    entries = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".graphql")), key=lambda e: e.name)
    return [PageDocument(entry.name.removesuffix(".graphql"), entry.read_text("utf-8")) for entry in entries]
