"""What a flood of hostile documents leaves behind: nothing that is kept, whatever they are."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator

import pytest
from graphql import DocumentNode, Token

from gateway.http.request.documents import DocumentLimits
from gateway.settings import Settings
from tests.http.hostile_documents import GENERATORS
from tests.serving import serving

# Names of fields that the schema has not, so that no two documents are the same.
ROUNDS = 2


def documents() -> Iterator[str]:
    for number in range(ROUNDS):
        for name, generate in GENERATORS.items():
            if name != "fragment_clique":
                yield generate(15 + number).replace(" a", f" a{number}")


def kept() -> Counter[type]:
    gc.collect()
    return Counter(type(one) for one in gc.get_objects() if isinstance(one, DocumentNode | Token))


@pytest.mark.slow
async def test_a_flood_of_hostile_documents_leaves_nothing(settings: Settings) -> None:
    async with serving(settings) as gateway:
        answered = await gateway.client.post("/graphql", json={"query": "{ account { id } }"})
        assert answered.status_code == 200
        before = kept()
        asked = executed = 0
        for document in documents():
            reply = await gateway.client.post("/graphql", json={"query": document})
            asked += 1
            executed += "data" in reply.json()
        after = kept()
        assert asked > 80
        assert executed == 0
        assert after[DocumentNode] == before[DocumentNode]
        # The last error may still hold a document's tokens.
        assert after[Token] - before[Token] <= DocumentLimits().tokens
        reply = await gateway.client.post("/graphql", json={"query": "{ account { id } }"})
        assert reply.status_code == 200
