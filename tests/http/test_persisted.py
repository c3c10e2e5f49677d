"""Documents known by an id: automatic persisted queries and trusted documents."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette

from gateway.errors import ConfigurationError
from gateway.http.edge import EdgePolicy, create_edge
from gateway.http.errors import PersistedQueryNotFound
from gateway.http.graphql import EndpointPolicy
from gateway.http.limits.query_limits import QueryLimits
from gateway.http.request import persisted
from gateway.http.request.documents import DocumentLimits
from gateway.http.request.parameters import Parameters
from gateway.http.request.persisted import PersistedDocuments
from tests.http.conftest import Readable, SmallExecutor
from tests.http.raw_http import post, send

QUERY = "{ greeting }"
WIDE = "{ a: greeting b: greeting c: greeting }"
HELLO = {"data": {"greeting": "hello world"}}


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def claim(text: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha(text)}}}


async def test_a_query_is_registered_by_its_hash_and_then_asked_by_it(app: Starlette) -> None:
    unknown = await post(app, claim(QUERY))
    assert (unknown.status, unknown.codes) == (400, ["PERSISTED_QUERY_NOT_FOUND"])
    assert unknown.json["errors"][0]["message"] == "PersistedQueryNotFound"
    assert (await post(app, {"query": QUERY, **claim(QUERY)})).json == HELLO
    assert (await post(app, claim(QUERY))).json == HELLO
    target = urlencode({"extensions": json.dumps(claim(QUERY)["extensions"])})
    assert (await send(app, "GET", f"/graphql?{target}")).json == HELLO
    assert (await post(app, {"documentId": f"sha256:{sha(QUERY)}"})).json == HELLO


async def test_old_clients_learn_of_an_unknown_hash_with_status_200(app: Starlette) -> None:
    response = await post(app, claim(QUERY), {"Accept": "application/json"})
    assert (response.status, response.codes) == (200, ["PERSISTED_QUERY_NOT_FOUND"])


async def test_a_hash_of_another_text_registers_nothing(app: Starlette, executor: SmallExecutor) -> None:
    response = await post(app, {"query": "{ slow }", **claim(QUERY)})
    assert (response.status, response.codes) == (400, ["BAD_REQUEST"])
    assert (await post(app, claim(QUERY))).codes == ["PERSISTED_QUERY_NOT_FOUND"]
    assert (await post(app, claim("{ slow }"))).codes == ["PERSISTED_QUERY_NOT_FOUND"]
    assert executor.seen == []


@pytest.mark.parametrize("text", ["{", "{ ...A } fragment A on Query { ...A }", "{ " + "greeting " * 900 + "}"])
async def test_a_text_the_gate_refuses_is_not_registered(app: Starlette, text: str) -> None:
    assert (await post(app, {"query": text, **claim(text)})).status == 400
    assert (await post(app, claim(text))).codes == ["PERSISTED_QUERY_NOT_FOUND"]


@pytest.mark.parametrize(
    "value",
    [
        *(1, "x", [], {}, {"version": 2, "sha256Hash": "0" * 64}, {"version": 1}, {"sha256Hash": "0" * 64}),
        *({"version": 1, "sha256Hash": bad} for bad in (1, None, "", "0" * 63, "0" * 65, "g" * 64, "é" * 64)),
    ],
    ids=repr,
)
async def test_a_claim_of_another_shape_is_a_bad_request(app: Starlette, value: Any) -> None:
    response = await post(app, {"query": QUERY, "extensions": {"persistedQuery": value}})
    assert (response.status, response.codes) == (400, ["BAD_REQUEST"])


async def test_registering_can_be_switched_off(executor: SmallExecutor) -> None:
    app = edge(executor, automatic_documents=False)
    assert (await post(app, {"query": QUERY, **claim(QUERY)})).json == HELLO
    response = await post(app, claim(QUERY))
    assert response.codes == ["PERSISTED_QUERY_NOT_SUPPORTED"]
    assert response.json["errors"][0]["message"] == "PersistedQueryNotSupported"


def test_what_is_registered_is_bounded_and_the_last_used_stay() -> None:
    documents = PersistedDocuments(None, automatic=True, only_trusted=False, kept_characters=40)

    def is_kept(text: str) -> bool:
        try:
            documents.choose(Parameters(None, None, None, None, claim(text)["extensions"]))
        except PersistedQueryNotFound:
            return False
        return True

    documents.remember("{ first00 }")
    documents.remember("{ second0 }")
    documents.remember("{ third00 }")
    assert is_kept("{ first00 }")
    documents.remember("{ fourth0 }")
    assert [is_kept(f"{{ {name} }}") for name in ("first00", "second0", "third00", "fourth0")] == [1, 0, 1, 1]


def edge(executor: SmallExecutor, **policy: Any) -> Starlette:
    return create_edge(executor, EdgePolicy(endpoint=EndpointPolicy(**policy)), Readable())


MANIFESTS: dict[str, Callable[[str], tuple[str, Any]]] = {
    "hashes with prefix": lambda text: (f"sha256:{sha(text)}", {f"sha256:{sha(text)}": text}),
    "hashes": lambda text: (sha(text), {sha(text): text}),
    "hashes asked with prefix": lambda text: (f"sha256:{sha(text)}", {sha(text): text}),
    "hashes with prefix asked without": lambda text: (sha(text), {f"sha256:{sha(text)}": text}),
    "names": lambda text: ("Greeting", {"Greeting": text}),
    "Apollo": lambda text: (
        sha(text),
        {
            "format": "apollo-persisted-query-manifest",
            "version": 1,
            "operations": [{"id": sha(text), "name": "A", "type": "query", "body": text}],
        },
    ),
}


@pytest.mark.parametrize("kind", MANIFESTS)
async def test_a_trusted_document_is_asked_by_its_id(executor: SmallExecutor, tmp_path: Path, kind: str) -> None:
    document_id, content = MANIFESTS[kind](QUERY)
    file = tmp_path / "trusted.json"
    file.write_text(json.dumps(content))
    app = edge(executor, trusted_documents=file)
    assert (await post(app, {"documentId": document_id})).json == HELLO
    assert (await send(app, "GET", "/graphql?" + urlencode({"documentId": document_id}))).json == HELLO
    assert (await post(app, {"documentId": "nothing"})).codes == ["PERSISTED_QUERY_NOT_FOUND"]
    assert (await post(app, {"query": "{ slow }"})).status == 200


async def test_a_request_with_both_text_and_id_is_refused(app: Starlette) -> None:
    response = await post(app, {"query": QUERY, "documentId": sha(QUERY)})
    assert (response.status, response.codes) == (400, ["BAD_REQUEST"])


async def test_only_trusted_documents_run_when_told_so(executor: SmallExecutor, tmp_path: Path) -> None:
    file = tmp_path / "trusted.json"
    file.write_text(json.dumps({sha(QUERY): QUERY}))
    app = edge(executor, trusted_documents=file, only_trusted_documents=True)
    assert (await post(app, claim(QUERY))).json == HELLO
    assert (await post(app, {"query": QUERY})).json == HELLO
    seen = len(executor.seen)
    for request in (
        {"query": "{ slow }"},
        {"query": "{ slow }", **claim("{ slow }")},
        claim("{ slow }"),
        {"documentId": "x"},
    ):
        response = await post(app, request)
        assert (response.status, response.codes) == (403, ["DOCUMENT_NOT_TRUSTED"])
    assert (await post(app, {"query": QUERY + " "})).status == 403
    assert len(executor.seen) == seen


async def test_trusted_documents_know_no_limits_and_others_do(executor: SmallExecutor, tmp_path: Path) -> None:
    file = tmp_path / "trusted.json"
    file.write_text(json.dumps({"wide": WIDE}))
    narrow = DocumentLimits(gate=QueryLimits(aliases=2))
    app = edge(executor, trusted_documents=file, documents=narrow)
    assert (await post(app, {"documentId": "wide"})).status == 200
    assert (await post(app, {"query": WIDE + "\n"})).codes == ["QUERY_TOO_LARGE"]


async def test_a_changed_manifest_is_read_again_and_a_broken_one_is_not_taken(
    executor: SmallExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(persisted, "_CHECK_SECONDS", 0.0)
    file = tmp_path / "trusted.json"
    file.write_text(json.dumps({"one": QUERY}))
    app = edge(executor, trusted_documents=file)

    async def status(document_id: str) -> int:
        return (await post(app, {"documentId": document_id})).status

    def rewrite(text: str) -> None:
        modified = file.stat().st_mtime_ns
        file.write_text(text)
        os.utime(file, ns=(modified + 10**9, modified + 10**9))

    assert [await status("one"), await status("two")] == [200, 400]
    rewrite(json.dumps({"two": "{ slow }"}))
    assert [await status("one"), await status("two")] == [400, 200]
    rewrite('{"three": ')
    assert await status("two") == 200
    assert "cannot be read" in caplog.text
    file.unlink()
    assert await status("two") == 200
    file.write_text(json.dumps({"three": QUERY}))
    assert [await status("two"), await status("three")] == [400, 200]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "expected one JSON object"),
        ('{"a": 1}', "expected one JSON object"),
        ('{"operations": [{"id": "a"}]}', "expected one JSON object"),
        ('{"broken": "{"}', "document broken is not GraphQL"),
    ],
)
def test_a_manifest_that_cannot_be_used_stops_the_start(
    executor: SmallExecutor, tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "trusted.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=said) as refused:
        edge(executor, trusted_documents=file)
    assert str(file) in refused.value.message


def test_a_missing_manifest_stops_the_start(executor: SmallExecutor, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        edge(executor, trusted_documents=tmp_path / "missing.json")
