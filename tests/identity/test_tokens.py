"""Signed tokens: what is believed, and everything that is not."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from gateway.errors import ConfigurationError
from gateway.hierarchy.objects.visibility import EVERYTHING, Visibility
from gateway.http.authentication import Credentials
from gateway.http.known_callers import KnownCallers
from gateway.identity.caller import Caller, Scope
from gateway.identity.errors import Forbidden, IdentityUnavailable, Unauthenticated
from gateway.identity.key_set import KeySet, KeysUnreadable, keys_of
from gateway.identity.published_keys import PublishedKeys
from gateway.identity.signed_tokens import ClaimNames, SignedTokens, TokenPolicy
from gateway.settings import Settings, load_settings
from tests.clock import Clock, Moments
from tests.identity.provider import AUDIENCE, ISSUER, Publisher, SigningKey, good_claims, publishing, unsigned
from tests.serving import serving

KEY = SigningKey.rsa("first")
OTHER = SigningKey.rsa("second")
STRANGER = SigningKey.rsa("first")
SHORT = SigningKey.rsa("short", 1024)
CURVE = SigningKey("curve", ec.generate_private_key(ec.SECP256R1()), "ES256")
EDWARDS = SigningKey("edwards", ed25519.Ed25519PrivateKey.generate(), "EdDSA")

FINANCE = Visibility(frozenset({"finance"}))


class Keys:
    """A KeySource in memory."""

    def __init__(self, *keys: SigningKey, **more: Any) -> None:
        self.document: bytes | None = json.dumps({"keys": [key.published for key in keys], **more}).encode()
        self.readings = 0

    async def read(self) -> bytes:
        self.readings += 1
        await asyncio.sleep(0)
        if self.document is None:
            raise KeysUnreadable("it is away")
        return self.document

    def publish(self, *keys: SigningKey) -> None:
        self.document = json.dumps({"keys": [key.published for key in keys]}).encode()


def tokens(source: Keys, clock: Clock | None = None, **policy: Any) -> SignedTokens:
    usual = {"algorithms": ("RS256",), "leeway": 10.0, "claims": ClaimNames()}
    wanted = TokenPolicy(ISSUER, AUDIENCE, **{**usual, **policy})
    return SignedTokens(wanted, KeySet(source, wanted.algorithms, clock=clock or Clock()))


async def verify(token: str | bytes, **policy: Any) -> Caller:
    given = token.encode() if isinstance(token, str) else token
    return (await tokens(Keys(KEY, OTHER, CURVE, EDWARDS), **policy).verify(given)).caller


def hmac_signed(secret: bytes, algorithm: str = "HS256") -> str:
    header = {"alg": algorithm, "typ": "JWT", "kid": "first"}
    text = unsigned(header, good_claims()).rpartition(".")[0]
    digest = hmac.new(secret, text.encode(), {"HS256": hashlib.sha256, "HS512": hashlib.sha512}[algorithm]).digest()
    return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def tampered(token: str, **claims: Any) -> str:
    head, _, signature = token.split(".")
    body = base64.urlsafe_b64encode(json.dumps(good_claims(**claims)).encode()).decode().rstrip("=")
    return f"{head}.{body}.{signature}"


NOW = int(time.time())
GOOD: Mapping[str, Callable[[], str]] = {
    "as it should be": lambda: KEY.sign(good_claims()),
    "several audiences": lambda: KEY.sign(good_claims(aud=["https://other.example", AUDIENCE])),
    "an access token's kind": lambda: KEY.sign(good_claims(), typ="at+jwt"),
    "no kind at all": lambda: KEY.sign(good_claims(), typ=None),
    "ended within the leeway": lambda: KEY.sign(good_claims(exp=int(time.time()) - 5)),
    "begins within the leeway": lambda: KEY.sign(good_claims(nbf=int(time.time()) + 5)),
    "no nbf and iat": lambda: KEY.sign(good_claims(nbf=None, iat=None)),
    "a thumbprint": lambda: KEY.sign(good_claims(), x5t="abc"),
}


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
async def test_a_genuine_token_lets_its_holder_in(make: Callable[[], str]) -> None:
    assert await verify(make()) == Caller("token anna", FINANCE, frozenset())


@pytest.mark.parametrize("key", [CURVE, EDWARDS], ids=lambda key: key.algorithm)
async def test_other_families_of_keys(key: SigningKey) -> None:
    assert (await verify(key.sign(good_claims()), algorithms=(key.algorithm,))).visibility == FINANCE


BAD: Mapping[str, Callable[[], str | bytes]] = {
    # Algorithms and keys.
    "no signature": lambda: unsigned({"alg": "none", "typ": "JWT", "kid": "first"}, good_claims()),
    "None in another case": lambda: unsigned({"alg": "nOnE", "kid": "first"}, good_claims()),
    "no algorithm": lambda: unsigned({"typ": "JWT", "kid": "first"}, good_claims(), b"x"),
    "an algorithm that is no text": lambda: unsigned({"alg": ["RS256"], "kid": "first"}, good_claims(), b"x"),
    "HS256 with the public key in PEM": lambda: hmac_signed(KEY.pem),
    "HS256 with the public key in PEM, trimmed": lambda: hmac_signed(KEY.pem.strip()),
    "HS512 with the public key in PEM": lambda: hmac_signed(KEY.pem, "HS512"),
    "HS256 with the published key": lambda: hmac_signed(json.dumps(KEY.published).encode()),
    "HS256 with nothing": lambda: hmac_signed(b""),
    "RS256 but empty": lambda: unsigned({"alg": "RS256", "kid": "first"}, good_claims()),
    "RS512 of the right key": lambda: SigningKey("first", KEY.private, "RS512").sign(good_claims()),
    "PS256 of the right key": lambda: SigningKey("first", KEY.private, "PS256").sign(good_claims()),
    "ES256 of a published key": lambda: CURVE.sign(good_claims()),
    "ES256 under the id of an RSA key": lambda: SigningKey("first", CURVE.private, "ES256").sign(good_claims()),
    "RS256 under the id of a curve": lambda: SigningKey("curve", KEY.private).sign(good_claims()),
    "another key under a known id": lambda: STRANGER.sign(good_claims()),
    "an unknown id": lambda: SigningKey("third", KEY.private).sign(good_claims()),
    "no id where there are several keys": lambda: KEY.sign(good_claims(), kid=None),
    "an id that is no text": lambda: unsigned({"alg": "RS256", "kid": 5}, good_claims(), b"x"),
    "an id that is a path": lambda: SigningKey("../../first", KEY.private).sign(good_claims()),
    "an id that is a statement": lambda: SigningKey("first' OR 1=1 --", KEY.private).sign(good_claims()),
    # Headers by which a token brings its own key, or asks for more.
    "jku": lambda: KEY.sign(good_claims(), jku="https://evil.example/keys"),
    "x5u": lambda: KEY.sign(good_claims(), x5u="https://evil.example/chain"),
    "jwk": lambda: STRANGER.sign(good_claims(), jwk=STRANGER.published),
    "jwk of the right key": lambda: KEY.sign(good_claims(), jwk=KEY.published),
    "crit": lambda: KEY.sign(good_claims(), crit=["exp"]),
    "crit of our own": lambda: KEY.sign(good_claims(), crit=["x"], x=1),
    "b64": lambda: unsigned({"alg": "RS256", "kid": "first", "b64": False}, good_claims(), b"x"),
    "an id token's kind": lambda: KEY.sign(good_claims(), typ="id+jwt"),
    "a kind that is no text": lambda: unsigned({"alg": "RS256", "kid": "first", "typ": 5}, good_claims(), b"x"),
    # Time.
    "ended": lambda: KEY.sign(good_claims(exp=int(time.time()) - 11)),
    "no end": lambda: KEY.sign(good_claims(exp=None)),
    "an end that is no number": lambda: KEY.sign(good_claims(exp="tomorrow")),
    "an end that is not finite": lambda: KEY.sign(good_claims(exp=float("inf"))),
    "an end beside numbers": lambda: KEY.sign(good_claims(exp=float("nan"))),
    "a list as an end": lambda: KEY.sign(good_claims(exp=[NOW + 600])),
    "begins later": lambda: KEY.sign(good_claims(nbf=int(time.time()) + 60)),
    "made in the future": lambda: KEY.sign(good_claims(iat=int(time.time()) + 60)),
    "made at no number": lambda: KEY.sign(good_claims(iat="now")),
    # For whom and by whom.
    "another audience": lambda: KEY.sign(good_claims(aud="https://other.example")),
    "no audience": lambda: KEY.sign(good_claims(aud=None)),
    "an empty audience": lambda: KEY.sign(good_claims(aud=[])),
    "the beginning of the audience": lambda: KEY.sign(good_claims(aud=AUDIENCE[:-1])),
    "an audience in an object": lambda: unsigned({"alg": "RS256", "kid": "first"}, good_claims(aud={}), b"x"),
    "another issuer": lambda: KEY.sign(good_claims(iss="https://evil.example/")),
    "the issuer without its slash": lambda: KEY.sign(good_claims(iss=ISSUER[:-1])),
    "no issuer": lambda: KEY.sign(good_claims(iss=None)),
    "a subject that is no text": lambda: unsigned({"alg": "RS256", "kid": "first"}, good_claims(sub=5), b"x"),
    # Shape.
    "other claims under the signature": lambda: tampered(KEY.sign(good_claims()), dbt_projects=["*"]),
    "half a token": lambda: KEY.sign(good_claims())[:100],
    "a signature cut short": lambda: KEY.sign(good_claims())[:-4],
    "a part too many": lambda: KEY.sign(good_claims()) + ".x",
    "two parts": lambda: KEY.sign(good_claims()).rpartition(".")[0],
    "nothing": lambda: "..",
    "no base64": lambda: "!.!.!",
    "no JSON": lambda: "eHh4.eHh4.eHh4",
    "a list": lambda: unsigned([], {}),  # type: ignore[arg-type]  # on purpose
    "deep JSON": lambda: base64.urlsafe_b64encode(b"[" * 5000).decode() + ".e30.x",
    "not ASCII": lambda: b"\xff\xfe.\xff.\xff",
    "too long": lambda: KEY.sign(good_claims(padding="x" * 8192)),
    "encrypted": lambda: unsigned({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "first"}, good_claims()) + ".a.b",
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
async def test_anything_else_is_refused(make: Callable[[], str | bytes]) -> None:
    token = make()
    with pytest.raises(Unauthenticated) as refused:
        await verify(token)
    assert str(token)[:20] not in refused.value.message


def of_length(length: int) -> str:
    """A good token of so many bytes."""
    for more in range(4):
        shortest = len(KEY.sign(good_claims(padding=""), x5t="x" * more))
        for padding in range((length - shortest) * 3 // 4 - 4, (length - shortest) * 3 // 4 + 4):
            token = KEY.sign(good_claims(padding="x" * padding), x5t="x" * more)
            if len(token) == length:
                return token
    raise AssertionError("no padding gives this length")


async def test_a_token_may_be_as_long_as_the_limit_and_no_longer() -> None:
    assert (await verify(of_length(8_192))).visibility == FINANCE
    with pytest.raises(Unauthenticated, match="longer than 8,192 bytes"):
        await verify(of_length(8_193))


async def test_an_embedded_key_is_refused_even_where_all_families_are_taken() -> None:
    with pytest.raises(Unauthenticated):
        await verify(STRANGER.sign(good_claims(), jwk=STRANGER.published), algorithms=("RS256", "RS384", "RS512"))


GRANTS: Mapping[str, tuple[ClaimNames, dict[str, Any], Visibility | None]] = {
    "a list": (ClaimNames(), {"dbt_projects": ["a", "b"]}, Visibility(frozenset({"a", "b"}))),
    "words": (ClaimNames(), {"dbt_projects": "a b"}, Visibility(frozenset({"a", "b"}))),
    "all": (ClaimNames(), {"dbt_projects": ["*"]}, EVERYTHING),
    "nothing said": (ClaimNames(), {"dbt_projects": None}, None),
    "nothing granted": (ClaimNames(), {"dbt_projects": []}, None),
    "an empty text": (ClaimNames(), {"dbt_projects": ""}, None),
    "an object": (ClaimNames(), {"dbt_projects": {"finance": True}}, None),
    "true": (ClaimNames(), {"dbt_projects": True}, None),
    "a list of lists": (ClaimNames(), {"dbt_projects": [["finance"]]}, None),
    "a list of truths": (ClaimNames(), {"dbt_projects": [True]}, None),
    "null": (ClaimNames(all_by_default=True), {"dbt_projects": [None]}, None),
    "by default all": (ClaimNames(all_by_default=True), {"dbt_projects": None}, EVERYTHING),
    "by default all, but some are said": (ClaimNames(all_by_default=True), {}, FINANCE),
    "by default all, but none is said": (ClaimNames(all_by_default=True), {"dbt_projects": []}, None),
    "another claim": (
        ClaimNames(projects="https://example.com/projects"),
        {"https://example.com/projects": ["a"]},
        Visibility(frozenset({"a"})),
    ),
    "environments": (
        ClaimNames(environments="envs"),
        {"envs": [1, "2"]},
        Visibility(frozenset({"finance"}), frozenset({1, 2})),
    ),
    "one environment": (
        ClaimNames(environments="envs"),
        {"envs": 7},
        Visibility(frozenset({"finance"}), frozenset({7})),
    ),
    "all environments": (ClaimNames(environments="envs"), {"envs": "*"}, FINANCE),
    "no environments said": (ClaimNames(environments="envs"), {}, None),
    "an environment by name": (ClaimNames(environments="envs"), {"envs": ["production"]}, None),
    "a negative environment": (ClaimNames(environments="envs"), {"envs": [-1]}, None),
    "a long environment": (ClaimNames(environments="envs"), {"envs": ["9" * 19]}, None),
    "the longest environment": (
        ClaimNames(environments="envs"),
        {"envs": ["9" * 18]},
        Visibility(frozenset({"finance"}), frozenset({10**18 - 1})),
    ),
    "an environment in other digits": (ClaimNames(environments="envs"), {"envs": ["\u0661\u0662"]}, None),
    "a number as a project": (ClaimNames(), {"dbt_projects": 7}, Visibility(frozenset({"7"}))),
    "environments that are not asked for": (ClaimNames(), {"envs": [1]}, FINANCE),
}


@pytest.mark.parametrize(("names", "claims", "visibility"), GRANTS.values(), ids=GRANTS)
async def test_claims_show_what_the_holder_sees(
    names: ClaimNames, claims: Mapping[str, Any], visibility: Visibility | None
) -> None:
    token = KEY.sign(good_claims(**claims))
    if visibility is None:
        with pytest.raises(Forbidden):
            await verify(token, claims=names)
    else:
        assert (await verify(token, claims=names)).visibility == visibility


async def test_scopes_and_name_come_from_their_claims() -> None:
    names = ClaimNames(scopes="scp", name="client_id")
    told = await verify(KEY.sign(good_claims(scp=["metrics", "email"], client_id="router" * 50)), claims=names)
    assert told.scopes == {Scope.METRICS}
    assert told.name == "token " + ("router" * 50)[:100]
    assert (await verify(KEY.sign(good_claims(scope="openid introspection metrics")))).scopes == set(Scope)
    assert (await verify(KEY.sign(good_claims(client_id=5)), claims=names)).name == "token"


# The keys: when they are read, and what happens when they cannot be.


async def test_keys_are_read_once_for_many_tokens() -> None:
    source = Keys(KEY)
    known = tokens(source)
    await asyncio.gather(*(known.verify(KEY.sign(good_claims()).encode()) for _ in range(20)))
    assert source.readings == 1


async def test_a_new_key_is_found_at_once_and_an_old_one_goes() -> None:
    source, clock = Keys(KEY), Clock()
    known = tokens(source, clock)
    await known.verify(KEY.sign(good_claims()).encode())
    source.publish(OTHER)
    clock.now += 31
    await known.verify(OTHER.sign(good_claims()).encode())
    assert source.readings == 2
    with pytest.raises(Unauthenticated):
        await known.verify(KEY.sign(good_claims()).encode())


@pytest.mark.slow
async def test_a_flood_of_unknown_keys_reads_once_in_thirty_seconds() -> None:
    source, clock = Keys(KEY), Clock()
    known = tokens(source, clock)
    for second in range(100):
        clock.now = 1_000.0 + second
        made_up = SigningKey(f"made-up-{second}", STRANGER.private).sign(good_claims()).encode()
        with pytest.raises(Unauthenticated):
            await known.verify(made_up)
        await known.verify(KEY.sign(good_claims()).encode())
    assert source.readings == 4


async def test_keys_are_read_again_at_their_age_and_for_an_unknown_one_after_a_while() -> None:
    """To the second: ten minutes, and thirty seconds for a key that is not known."""
    source, clock = Keys(KEY), Clock()
    known = tokens(source, clock)

    async def readings(key: SigningKey, seconds: float) -> int:
        clock.now = 1_000.0 + seconds
        with contextlib.suppress(Unauthenticated):
            await known.verify(key.sign(good_claims()).encode())
        await asyncio.sleep(0.01)
        return source.readings

    told = [
        await readings(KEY, 0),
        await readings(OTHER, 29.75),
        await readings(OTHER, 30),
        await readings(KEY, 629.75),
    ]
    assert told == [1, 1, 2, 2]
    assert await readings(KEY, 630) == 3
    source.document = None
    assert [await readings(KEY, second) for second in (1_230, 1_259.75, 1_260)] == [4, 4, 5]


async def test_while_no_keys_are_known_they_are_asked_for_every_two_seconds() -> None:
    source, clock = Keys(), Clock()
    known = tokens(source, clock)
    readings = []
    for seconds in (0, 1.75, 2, 3.75, 4):
        clock.now = 1_000.0 + seconds
        with pytest.raises(IdentityUnavailable):
            await known.verify(KEY.sign(good_claims()).encode())
        readings.append(source.readings)
    assert readings == [1, 1, 2, 2, 3]


async def test_old_keys_are_read_again_without_anybody_waiting() -> None:
    source, clock = Keys(KEY), Clock()
    known = tokens(source, clock)
    await known.verify(KEY.sign(good_claims()).encode())
    clock.now += 601
    source.publish(OTHER)
    await known.verify(KEY.sign(good_claims()).encode())
    await asyncio.sleep(0.01)
    assert source.readings == 2
    with pytest.raises(Unauthenticated):
        await known.verify(KEY.sign(good_claims()).encode())


async def test_the_last_good_keys_stay_while_the_provider_is_away() -> None:
    source, clock = Keys(KEY), Clock()
    known = tokens(source, clock)
    await known.verify(KEY.sign(good_claims()).encode())
    for document in (None, b"", b"{", b"[]", b'{"keys": 5}', b'{"keys": []}'):
        source.document = document
        clock.now += 700
        await known.verify(KEY.sign(good_claims()).encode())
        await asyncio.sleep(0.01)
        await known.verify(KEY.sign(good_claims()).encode())


async def test_without_any_keys_nobody_can_be_identified_and_the_provider_is_spared() -> None:
    source, clock = Keys(KEY), Clock()
    source.document, document = None, source.document
    known = tokens(source, clock)
    for _ in range(10):
        with pytest.raises(IdentityUnavailable):
            await known.verify(KEY.sign(good_claims()).encode())
    assert source.readings == 1
    source.document = document
    clock.now += 2
    await known.verify(KEY.sign(good_claims()).encode())


async def test_a_caller_who_leaves_does_not_take_the_keys_along() -> None:
    source = Keys(KEY)
    known = tokens(source)
    token = KEY.sign(good_claims()).encode()
    leaving = asyncio.create_task(known.verify(token))
    staying = asyncio.create_task(known.verify(token))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).caller.name == "token anna"
    assert source.readings == 1


def listed(key: SigningKey, **changes: Any) -> dict[str, Any]:
    entry = {**key.published, **changes}
    return {name: part for name, part in entry.items() if part is not None}


@pytest.mark.parametrize(
    ("entry", "usable"),
    [
        (listed(KEY), True),
        (listed(KEY, alg=None, use=None), True),
        (listed(KEY, key_ops=["verify"]), True),
        (listed(KEY, use="enc"), False),
        (listed(KEY, key_ops=["encrypt"]), False),
        (listed(KEY, key_ops="verify"), False),
        (listed(KEY, alg="RS512"), False),
        (listed(KEY, alg="HS256"), False),
        (listed(KEY, kty="oct", k="c2VjcmV0"), False),
        (listed(KEY, n=None), False),
        (listed(KEY, n="!"), False),
        (listed(KEY, kid=5), False),
        (listed(SHORT), False),
        (listed(CURVE), False),
        ("first", False),
        ({}, False),
    ],
)
def test_only_keys_for_these_signatures_are_taken(entry: Any, usable: bool) -> None:
    found = keys_of(json.dumps({"keys": [listed(OTHER), entry]}).encode(), ("RS256",))
    assert set(found) == ({"first", "second"} if usable else {"second"})
    if not usable:
        with pytest.raises(KeysUnreadable):
            keys_of(json.dumps({"keys": [entry]}).encode(), ("RS256",))


def test_a_private_key_is_taken_for_its_public_part_only() -> None:
    algorithm: Any = __import__("jwt").algorithms.RSAAlgorithm
    private = {**algorithm.to_jwk(KEY.private, as_dict=True), "kid": "first", "use": "sig"}
    private.pop("key_ops", None)
    found = keys_of(json.dumps({"keys": [private]}).encode(), ("RS256",))
    assert not hasattr(found["first"]["RS256"].key, "private_numbers")


def test_a_key_without_an_algorithm_serves_its_family() -> None:
    found = keys_of(json.dumps({"keys": [listed(KEY, alg=None)]}).encode(), ("RS256", "RS512"))
    assert set(found["first"]) == {"RS256", "RS512"}


def test_a_hundred_keys_are_taken_and_one_more_is_too_many() -> None:
    entries = [listed(KEY, kid=str(number)) for number in range(101)]
    assert len(keys_of(json.dumps({"keys": entries[:100]}).encode(), ("RS256",))) == 100
    with pytest.raises(KeysUnreadable):
        keys_of(json.dumps({"keys": entries}).encode(), ("RS256",))


def test_of_two_keys_under_one_id_the_first_counts() -> None:
    found = keys_of(json.dumps({"keys": [listed(STRANGER), listed(KEY)]}).encode(), ("RS256",))
    assert found["first"]["RS256"].key.public_numbers() == STRANGER.private.public_key().public_numbers()  # type: ignore[union-attr]


async def test_the_only_key_needs_no_id() -> None:
    told = await tokens(Keys(KEY)).verify(KEY.sign(good_claims(), kid=None).encode())
    assert told.caller.visibility == FINANCE


# Over HTTP.


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    async with publishing(KEY) as opened:
        yield opened


async def test_keys_are_read_over_http(publisher: Publisher) -> None:
    assert json.loads(await PublishedKeys(publisher.url).read())["keys"][0]["kid"] == "first"


@pytest.mark.parametrize(
    "fault",
    [
        {"status": "302 Found", "headers": ["Location: /elsewhere"]},
        {"status": "301 Moved Permanently", "headers": ["Location: http://169.254.169.254/"]},
        {"status": "404 Not Found"},
        {"status": "500 Internal Server Error"},
        {"status": "204 No Content", "body": b""},
        {"body": b" " * 300_000},
        {"seconds": 5.0},
        {"headers": ["Content-Encoding: gzip"], "body": b"no gzip"},
    ],
    ids=lambda fault: str(fault)[:60],
)
async def test_a_publisher_that_misbehaves_is_not_believed(publisher: Publisher, fault: Mapping[str, Any]) -> None:
    for name, value in fault.items():
        setattr(publisher, name, value)
    with pytest.raises(KeysUnreadable):
        await PublishedKeys(publisher.url, seconds=0.3).read()
    assert publisher.requests == 1


async def test_keys_may_be_as_long_as_the_limit_and_no_longer(publisher: Publisher) -> None:
    publisher.body = b" " * 262_144
    assert await PublishedKeys(publisher.url).read() == publisher.body
    publisher.body += b" "
    with pytest.raises(KeysUnreadable, match="more than 262,144 bytes"):
        await PublishedKeys(publisher.url).read()


async def test_keys_are_read_from_their_address_itself_whatever_the_environment_says_of_proxies(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    assert json.loads(await PublishedKeys(publisher.url).read())["keys"]
    assert publisher.requests == 1


async def test_a_publisher_that_is_not_there() -> None:
    with pytest.raises(KeysUnreadable):
        await PublishedKeys("http://127.0.0.1:1/keys").read()


def with_tokens(settings: Settings, publisher: Publisher) -> Settings:
    found = {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_keys_url": publisher.url}
    return settings.model_copy(update=found)


async def test_a_gateway_answers_the_holders_of_tokens(settings: Settings, publisher: Publisher) -> None:
    query = {"query": "{ account { projects { nodes { id } } } }"}
    async with serving(with_tokens(settings, publisher)) as gateway:

        async def ask(token: str) -> httpx2.Response:
            return await gateway.client.post("/graphql", json=query, headers={"Authorization": f"Bearer {token}"})

        seen = (await ask(KEY.sign(good_claims()))).json()["data"]["account"]["projects"]["nodes"]
        assert seen == [{"id": "finance"}]
        everything = (await ask(KEY.sign(good_claims(dbt_projects=["*"])))).json()["data"]["account"]["projects"]
        assert [one["id"] for one in everything["nodes"]] == ["finance", "logistics", "marketing", "storefront"]
        refused = await ask(KEY.sign(good_claims(exp=1)))
        assert (refused.status_code, refused.headers["WWW-Authenticate"][:6]) == (401, "Bearer")
        nothing = await ask(KEY.sign(good_claims(dbt_projects=None)))
        assert nothing.status_code == 403
        assert nothing.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert publisher.requests == 1


async def test_a_gateway_whose_provider_is_away_says_so(settings: Settings, publisher: Publisher) -> None:
    publisher.status = "503 Service Unavailable"
    async with serving(with_tokens(settings, publisher)) as gateway:
        headers = {"Authorization": f"Bearer {KEY.sign(good_claims())}"}
        reply = await gateway.client.post("/graphql", json={"query": "{ account { id } }"}, headers=headers)
    assert reply.status_code == 503
    assert reply.json()["errors"][0]["extensions"]["code"] == "IDENTITY_UNAVAILABLE"
    assert "Retry-After" in reply.headers


# What is remembered of a caller.


async def test_who_was_identified_is_remembered_until_his_token_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Keys(KEY)
    callers = KnownCallers(None, tokens(source))
    good = Credentials(authorization=b"Bearer " + KEY.sign(good_claims()).encode())
    short = Credentials(authorization=b"Bearer " + KEY.sign(good_claims(exp=int(time.time()) + 3)).encode())
    assert callers.known_caller(good) is None
    told = [await callers.caller(one) for one in (good, short)]
    assert [callers.known_caller(one) for one in (good, short)] == told
    now = time.monotonic()
    monkeypatch.setattr("gateway.http.known_callers.time.monotonic", lambda: now + 5)
    assert [callers.known_caller(one) for one in (good, short)] == [told[0], None]
    monkeypatch.setattr("gateway.http.known_callers.time.monotonic", lambda: now + 61)
    assert callers.known_caller(good) is None


async def test_who_was_identified_is_remembered_to_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = Moments()
    monkeypatch.setattr("gateway.http.known_callers.time", moments)
    callers = KnownCallers(None, tokens(Keys(KEY)))
    good = Credentials(authorization=b"Bearer " + KEY.sign(good_claims()).encode())
    expires = int(moments.time()) + 30
    short = Credentials(authorization=b"Bearer " + KEY.sign(good_claims(exp=expires)).encode())
    told = [await callers.caller(one) for one in (good, short)]
    left = expires - moments.time()
    assert told[1].until == pytest.approx(moments.monotonic() + left)
    for passed, known in (
        (left - 0.01, told),
        (left + 0.01, [told[0], None]),
        (59.99, [told[0], None]),
        (60.0, [None] * 2),
    ):
        moments.passed = passed
        assert [callers.known_caller(one) for one in (good, short)] == known


async def test_of_those_remembered_he_goes_first_who_asked_least_lately(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.http.known_callers._MOST_REMEMBERED", 2)
    callers = KnownCallers(None, tokens(Keys(KEY)))
    anna, bert, carl = (Credentials(authorization=f"Bearer {KEY.sign(good_claims(sub=n))}".encode()) for n in "abc")
    for one in (anna, bert, anna, carl):
        await callers.caller(one)
    assert [callers.known_caller(one) is None for one in (anna, bert, carl)] == [False, True, False]


async def test_nobody_is_remembered_who_was_refused_and_few_who_were_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.http.known_callers._MOST_REMEMBERED", 2)
    callers = KnownCallers(None, tokens(Keys(KEY)))
    signed = [KEY.sign(good_claims(sub=name)) for name in "abc"]
    given = [Credentials(authorization=f"Bearer {one}".encode()) for one in signed]
    with pytest.raises(Unauthenticated):
        await callers.caller(Credentials(authorization=b"Bearer a.b.c"))
    for one in given:
        await callers.caller(one)
    assert [callers.known_caller(one) is None for one in given] == [True, False, False]


async def test_each_of_the_credentials_counts() -> None:
    callers = KnownCallers(None, tokens(Keys(KEY)))
    token = KEY.sign(good_claims()).encode()
    await callers.caller(Credentials(authorization=b"Bearer " + token))
    for other in (
        Credentials(authorization=b"Bearer " + token, api_key=b""),
        Credentials(authorization=b"Bearer " + token, dbt_token=b"x"),
        Credentials(api_key=b"Bearer " + token),
        Credentials(authorization=b"Bearer " + token[:-1]),
    ):
        assert callers.known_caller(other) is None


# Settings.


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"jwt_audience": None}, "jwt_audience"),
        ({"jwt_keys_url": None}, "jwt_keys_url"),
        ({"jwt_issuer": None}, "jwt_issuer"),
        ({"jwt_keys_url": "http://login.example/keys"}, "https"),
        ({"jwt_keys_url": "file:///etc/passwd"}, "https"),
        ({"jwt_keys_url": "https-//login.example"}, "https"),
        ({"jwt_algorithms": ("RS256", "ES256")}, "family"),
        ({"jwt_algorithms": ("RS256", "PS256")}, "family"),
        ({"jwt_algorithms": ("HS256",)}, "jwt_algorithms"),
        ({"jwt_algorithms": ("none",)}, "jwt_algorithms"),
        ({"jwt_algorithms": ()}, "jwt_algorithms"),
        ({"jwt_leeway_seconds": 31}, "jwt_leeway_seconds"),
        ({"open": True}, "open"),
    ],
)
def test_settings_that_would_believe_too_much_are_refused(changes: Mapping[str, Any], said: str) -> None:
    good = {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_keys_url": "https://login.example/keys"}
    assert load_settings(good).knows_callers
    with pytest.raises(ConfigurationError, match=said):
        load_settings({**good, **changes})
