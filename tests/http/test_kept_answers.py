"""What kept answers and known requests take: every byte is counted when it comes and when it goes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.execution.request import Answer
from gateway.http.authentication import Credentials
from gateway.http.response_cache import known_requests
from gateway.http.response_cache.known_requests import KnownOperation, KnownRequest, KnownRequests, RawRequest
from gateway.http.response_cache.response_cache import KeptAnswer, Key, ResponseCache
from gateway.telemetry.request_record import RequestRecord
from tests.http.test_response_cache import Believed

ROOM = 100_000
NOBODY = Credentials()


class Manifest:
    """Trusted documents of which there is one edition."""

    def __init__(self) -> None:
        self.current: object = "first"

    def edition(self) -> object:
        return self.current


@pytest.fixture
def manifest() -> Manifest:
    return Manifest()


def cache_of(manifest: Manifest, room: int = ROOM) -> ResponseCache:
    return ResponseCache(room, manifest)  # type: ignore[arg-type]


def key_of(question: bytes) -> Key:
    return Key("POST", (), question, "everybody")


def offer(cache: ResponseCache, question: bytes, answer: Answer, kind: str = "query", tail: str = "") -> None:
    """Offers an answer once, as the endpoint writes it; `tail` stands behind it."""
    body = json.dumps({"data": answer.data, "extensions": answer.extensions}, separators=(",", ":")) + tail
    cache.offer(key_of(question), answer, body.encode(), (), RequestRecord("POST", "sha256:0", kind, "ada", 200))


def answer_of(size: int = 100, facts: Believed | None = None, **extensions: Any) -> Answer:
    """An answer whose body is 21 bytes longer than `size` without its extensions."""
    given = {"gateway": {}, **extensions}
    return Answer({"abcdef": "x" * size}, extensions=given, lasting=lambda: facts or Believed(), executed=True)


def keep(cache: ResponseCache, question: bytes, size: int = 100, facts: Believed | None = None) -> KeptAnswer | None:
    """Offers an answer to a question until it may be kept, which is the second time."""
    for _ in range(2):
        offer(cache, question, answer_of(size, facts))
    return cache.find(key_of(question))


def test_nothing_is_left_counted_when_everything_has_gone(manifest: Manifest) -> None:
    cache = cache_of(manifest)
    for number in range(5):
        assert keep(cache, b"question %d" % number) is not None
    assert cache.bytes_kept > 5 * 2_000
    manifest.current = "second"
    for number in range(5):
        assert cache.find(key_of(b"question %d" % number)) is None
    assert cache.bytes_kept == 0


def test_questions_and_answers_count_by_their_length(manifest: Manifest) -> None:
    cache = cache_of(manifest)
    keep(cache, b"q")
    one = cache.bytes_kept
    keep(cache, b"q" + b"u" * 40)
    assert cache.bytes_kept == 2 * one + 40
    keep(cache, b"r", size=130)
    assert cache.bytes_kept == 3 * one + 40 + 30


def test_an_answer_kept_anew_is_counted_once(manifest: Manifest) -> None:
    cache, facts = cache_of(manifest), Believed()
    keep(cache, b"q", facts=facts)
    one = cache.bytes_kept
    keep(cache, b"q", size=150)
    assert cache.bytes_kept == one + 50


def request(size: int, number: int = 0) -> RawRequest:
    return RawRequest("peer", b"%04d" % number + b"x" * (size - 4))


def known(operation: KnownOperation | None = None) -> KnownRequest:
    return KnownRequest(NOBODY, "everybody", None, operation)


def an_operation() -> KnownOperation:
    return KnownOperation(lambda: None, None, (), RequestRecord("POST"), edition="first")


def test_known_requests_count_by_their_length_and_by_what_is_known_of_them() -> None:
    requests = KnownRequests()
    requests.remember(request(100), known())
    assert requests.bytes_kept == 100 + 1_000
    requests.remember(request(100), known(an_operation()))
    assert (len(requests), requests.bytes_kept) == (1, 100 + 3_000)
    requests.remember(request(50, 1), known())
    assert (len(requests), requests.bytes_kept) == (2, 100 + 3_000 + 50 + 1_000)
    requests.remember(request(100), known())
    assert requests.bytes_kept == 100 + 1_000 + 50 + 1_000


def test_known_requests_stay_within_their_room_and_the_least_used_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(known_requests, "_MOST_BYTES", 20_000)
    requests = KnownRequests()
    for number in range(30):
        requests.remember(request(1_000, number), known())
        assert requests.find(request(1_000, 0)) is not None
        assert requests.bytes_kept == 2_000 * len(requests) <= 20_000
    assert len(requests) == 10
    assert requests.find(request(1_000, 1)) is None
    assert requests.find(request(1_000, 29)) is not None


def test_a_request_is_known_by_its_bytes_and_its_address() -> None:
    requests, one, other = KnownRequests(), known(), known()
    requests.remember(RawRequest("here", b"bytes"), one)
    assert requests.find(RawRequest("there", b"bytes")) is None
    requests.remember(RawRequest("here", b"bytes"), other)
    assert requests.find(RawRequest("here", b"bytes")) is other


def test_the_least_used_goes_first(manifest: Manifest) -> None:
    cache = cache_of(manifest, room=20_000)
    for number in range(6):
        keep(cache, b"%d" % number, size=1_500)
        cache.find(key_of(b"0"))
    assert cache.bytes_kept <= 20_000
    assert cache.find(key_of(b"0")) is not None
    assert cache.find(key_of(b"1")) is None


def test_an_answer_weighs_its_body_its_question_and_two_thousand_bytes(manifest: Manifest) -> None:
    cache = cache_of(manifest)
    kept = keep(cache, b"question", size=500)
    assert kept is not None
    assert kept.body == b'{"data":{"abcdef":"' + b"x" * 500 + b'"}'
    assert cache.bytes_kept == 521 + len(b"question") + 2_000


def test_what_fills_the_room_to_the_byte_stays_whole(manifest: Manifest) -> None:
    for room, stays in ((20_000, True), (19_999, False)):
        cache = cache_of(manifest, room)
        for number in range(5):
            keep(cache, b"question %d" % number, size=4_000 - 2_000 - 21 - 10)
        assert (cache.find(key_of(b"question 0")) is not None) == stays
        assert cache.find(key_of(b"question 1")) is not None


def test_an_answer_may_take_an_eighth_of_the_room_and_no_more(manifest: Manifest) -> None:
    cache = cache_of(manifest, room=80_000)
    assert keep(cache, b"large", size=10_000 - 21) is not None
    assert keep(cache, b"larger", size=10_001 - 21) is None


@pytest.mark.slow
def test_ten_thousand_questions_may_come_before_one_comes_again(manifest: Manifest) -> None:
    for others, known in ((9_999, True), (10_000, False)):
        cache = cache_of(manifest)
        for number in range(others + 1):
            offer(cache, b"%d" % number, answer_of())
        offer(cache, b"0", answer_of())
        assert (cache.find(key_of(b"0")) is not None) == known


def test_a_question_whose_answer_may_not_be_kept_today_needs_no_third_time_later(manifest: Manifest) -> None:
    cache = cache_of(manifest)
    for unfit in (
        replace(answer_of(), lasting=lambda: None),
        replace(answer_of(), errors=[{"message": "no"}]),
    ):
        offer(cache, b"q", unfit)
        offer(cache, b"q", unfit)
        assert cache.find(key_of(b"q")) is None
    offer(cache, b"q", answer_of())
    assert cache.find(key_of(b"q")) is not None


@pytest.mark.parametrize("kind", ["mutation", "subscription"])
def test_only_answers_to_queries_are_kept(manifest: Manifest, kind: str) -> None:
    cache = cache_of(manifest)
    for _ in range(4):
        offer(cache, b"q", answer_of(), kind)
    assert (cache.find(key_of(b"q")), cache.bytes_kept) == (None, 0)


def test_an_answer_that_does_not_end_with_its_extensions_is_not_kept(manifest: Manifest) -> None:
    cache = cache_of(manifest)
    for _ in range(4):
        offer(cache, b"q", answer_of(), tail="\n")
    assert (cache.find(key_of(b"q")), cache.bytes_kept) == (None, 0)


def test_what_an_answer_costs_stays_with_it_and_what_it_says_of_the_gateway_does_not(manifest: Manifest) -> None:
    cache = cache_of(manifest)
    for _ in range(2):
        offer(cache, b"q", answer_of(facts=Believed(age=3.5), cost={"estimate": 7}))
    kept = cache.find(key_of(b"q"))
    assert kept is not None
    told, end = kept.extensions()
    assert told == {"cost": {"estimate": 7}, "gateway": {"upstreamRequests": 0, "oldestFactSeconds": 3.5}}
    assert json.loads(kept.body + end)["extensions"] == told
