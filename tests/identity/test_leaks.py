"""No byte of what a caller may not see reaches him: thousands of random steps over callers, questions and caches.

Every text and id of the account says to which environment it belongs (see canaries). A step is one answer. Questions
name hidden things too, pages begin at cursors that another caller was given, callers leave in the middle of shared
loads, facts grow old, gateways begin anew, and dbt fails with hidden things in its words. A second walk asks two
replicas that share a Redis, which loses its connections and values, mixes the latter up and stands still for a while.
By night the walks take LEAK_STEPS and LEAK_SHARED_STEPS steps, 20,000 and 1,000 unless these say more, daily fewer.
LEAK_SEED chooses other walks.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from redis.asyncio import Redis
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from gateway.app import create_app
from gateway.settings import Settings
from tests.conftest import stored
from tests.generated.demo import read_schema
from tests.generated.queries import QueryGenerator, Shape
from tests.identity.callers import Holder, known_to
from tests.identity.canaries import SHARED, SHARED_NAME, Place, owners_in, places, write_account
from tests.repetitions import daily_and_nightly
from tests.serving import Call, UpstreamTap
from tests.sharing.conftest import OwnRedis, own_redis

STEPS = int(os.environ.get("LEAK_STEPS", "20000"))
DAILY_STEPS, DAILY_SHARED_STEPS = 150, 50
SHARED_STEPS = int(os.environ.get("LEAK_SHARED_STEPS", "1000"))
SEED = int(os.environ.get("LEAK_SEED", "1"))
QUESTIONS = 400
NEW_GATEWAY_EVERY = 5_000

ALL = places()
SHOP = ALL[0].project_name
ENVIRONMENT = {place.owner: place.environment_id for place in ALL}
# Callers and whose texts may reach them.
CALLERS: Sequence[tuple[Holder, frozenset[int]]] = (
    (Holder("shop", (SHOP,)), frozenset({1, 2, SHARED})),
    (Holder("shop_production", (SHOP,), (ENVIRONMENT[1],)), frozenset({1, SHARED})),
    (Holder("third", (ALL[2].project_name,)), frozenset({3})),
    (Holder("third_and_fourth", (ALL[2].project_name, ALL[3].project_name)), frozenset({3, 4})),
    (Holder("both_twins", (SHARED_NAME,)), frozenset({5, 6})),
    (Holder("one_twin", (f"{SHARED_NAME}@{ENVIRONMENT[5]}",)), frozenset({5})),
    (Holder("other_twin", ("*",), (ENVIRONMENT[6],)), frozenset({6})),
    (Holder("places", ("*",), (ENVIRONMENT[2], ENVIRONMENT[4])), frozenset({2, SHARED, 4})),
    (Holder("nothing", ("no_such_project",)), frozenset()),
    (Holder("everything"), frozenset({1, 2, 3, 4, 5, 6, SHARED})),
)
PAGED = (
    "account { projects(first: 1, after: $c) { totalCount nodes { id name } pageInfo { hasPreviousPage endCursor } } }",
    "account { models(first: 2, after: $c) { totalCount edges { cursor node { id description } } } }",
    "account { models(last: 2, before: $c) { totalCount edges { cursor node { id } } } }",
    "account { jobs(first: 2, after: $c) { totalCount edges { cursor node { id name } } } }",
    "account { runs(first: 3, after: $c) { totalCount edges { cursor node { id error } } } }",
    "account(environment: STAGING) { models(first: 2, after: $c) { edges { cursor node { id } } } }",
)
EVERYTHING_OF_A_MODEL = "id uniqueId name tags description meta owner { name email } tests { name columnName } rawCode"
BROAD = (
    "account { name projects { totalCount nodes { id name modelCount jobCount } } runs(first: 40) { totalCount nodes "
    "{ id error gitBranch job { name steps project { name } } trigger { cause } } } }",
    f"account {{ models(first: 40) {{ totalCount nodes {{ {EVERYTHING_OF_A_MODEL} }} }} }}",
    "account { jobs(first: 40) { totalCount nodes { id name description models { nodes { id } } } } }",
    "account { slowestModels(first: 40, lastRuns: 5) { runtime model { id upstream { id } downstream { id } } } "
    "longestRunningJobs(first: 20, lastRuns: 5) { job { id name lastRun { id error } } } }",
    "account { projects { nodes { id longestRunningJobs { job { id } } models(first: 5) { nodes { id freshness "
    "{ sources { name uniqueId } } runs(first: 3) { nodes { error thread run { id gitSha } } } } } } } }",
)


@pytest.fixture(scope="module")
def leaky_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("canaries")
    write_account(place / "runs", ALL)
    return stored(place / "runs", place)


def values(all_places: Sequence[Place]) -> Mapping[str, Sequence[Any]]:
    """What arguments may be: everything there is, whoever asks, and some that nearly are."""
    projects = sorted({place.project_name for place in all_places} | {f"{SHARED_NAME}@{ENVIRONMENT[5]}"})
    models = [unique_id for place in all_places for unique_id in place.models]
    ids = [one.removeprefix("model.") for one in models]
    jobs = [str(job) for place in all_places for job in place.jobs]
    runs = [str(run) for place in all_places for run in place.runs]
    entities = {"Model": ids, "Job": jobs, "Run": runs, "Project": projects, "Account": ["42"]}
    return {
        "Query.project(id)": [*projects, "zq3x0000z_shap", "twin"],
        "Query.model(id)": [*models, *ids, *(one[:-2] for one in ids), "m1"],
        "Query.job(id)": [*jobs, "12"],
        "Query.job(name)": [*(name for place in all_places for name in place.job_names), "Job zq3x0014y"],
        "Query.job(project)": projects,
        "Query.run(id)": [*runs, "12"],
        "Query._entities(representations)": [
            {"__typename": kind, "id": one} for kind in entities for one in entities[kind]
        ],
        "tags": ["shared", "tzq3x0014z"],
        "materialization": ["table"],
        "minRuntime": [0, 3],
        "maxRuntime": [5, 100],
        "modelIds": [*ids, *models],
        "packages": projects,
        "jobIds": [*jobs, "12"],
        "nameContains": ["m1", "job", "zq3x"],
        "folder": ["models"],
        "groups": ["zq3x0014z"],
        "owners": ["zq3x0014z@example.com"],
        "lastRunSince": ["2026-03-02T00:00:00Z"],
        "startedSince": ["2026-03-02T00:00:00Z"],
        "projectIds": projects,
        "first": [1, 2, 5, 40],
        "last": [1, 2, 5, 40],
        "slowest": [2, 1000],
        "lastRuns": [1, 3, 10],
    }


def questions(random: Random) -> list[dict[str, Any]]:
    """Request bodies: generated ones over the whole schema, and lists that begin at a cursor."""
    generator = QueryGenerator(random.randrange(10**6), read_schema(), values(ALL), Shape(fields=14, depth=6, lists=3))
    made = [generator.query() for _ in range(QUESTIONS)]
    generated = [{"query": query, "variables": variables} for query, variables in made]
    broad = [{"query": f"{{ {text} }}"} for text in BROAD for _ in range(16)]
    return generated + broad + [{"query": f"query ($c: String) {{ {text} }}"} for text in PAGED for _ in range(12)]


class Walk:
    """The gateways that are asked, what they have told whom, and how to ask them: one, or two that share a Redis."""

    def __init__(self, store: str, random: Random, redis: OwnRedis | None = None) -> None:
        self._random = random
        self._redis = redis
        shared = {"cache_url": redis.url, "cache_secret": "theirs", "cache_seconds": 1.0} if redis else {}
        self._settings = known_to(Settings(store_url=store, **shared), *(holder for holder, _ in CALLERS))
        self._questions = questions(random)
        self._stack = AsyncExitStack()
        self._apps: list[ASGIApp] = []
        self._cursors = [b""]
        self._gateways = 0
        self._tap = UpstreamTap()
        self.leaks: list[str] = []
        self.kinds: Counter[str] = Counter()

    async def begin_anew(self) -> None:
        """Other gateways with empty caches; every second time they do not believe their facts for long."""
        await self.end()
        self._gateways += 1
        changes = {"revision_interval": 0.5, "topology_seconds": 0.5} if self._gateways % 2 else {}
        self._tap = UpstreamTap()
        for _ in range(2 if self._redis else 1):
            app = create_app(self._settings.model_copy(update=changes), wrap_platform=self._tap.wrap)
            await self._stack.enter_async_context(app.router.lifespan_context(app))
            self._apps.append(app)

    async def end(self) -> None:
        self.kinds["upstream"] += len(self._tap.calls)
        await self._stack.aclose()
        self._stack = AsyncExitStack()
        self._apps = []

    async def step(self) -> int:
        """One to five answers, asked together."""
        draw = self._random.random()
        self._tap.fault = self._fail if draw > 0.95 else None
        if self._redis and self._random.random() < 0.04:
            await self._harm(self._redis)
        if draw < 0.85:
            await self._ask()
            return 1
        questions = [asyncio.ensure_future(self._ask()) for _ in range(5)]
        for _ in range(self._random.randrange(8)):
            await asyncio.sleep(0)
        for leaving in self._random.sample(questions, self._random.randrange(3)):
            self.kinds["cancelled"] += leaving.cancel()
        await asyncio.gather(*questions, return_exceptions=True)
        return sum(not asked.cancelled() and asked.exception() is None for asked in questions)

    async def _harm(self, own: OwnRedis) -> None:
        """What befalls a Redis, while nobody waits for it. What was mixed up is read by gateways that begin anew."""
        harm = self._random.choice(("mixed up", "mixed up", "cut off", "standing still", "emptied"))
        self.kinds[harm] += 1
        async with Redis.from_url(own.url) as redis:
            if harm == "mixed up":
                values = await own.values()
                names = sorted(values, key=lambda name: (name.split(":")[:4], self._random.random()))
                for name, other in pairwise(names):  # mostly of one kind, so that another's would be taken
                    await redis.set(name, values[other], keepttl=True)
                await self.begin_anew()
            elif harm == "cut off":
                await redis.client_kill_filter(_type="normal", skipme=True)
            elif harm == "standing still":
                await redis.client_pause(timeout=self._random.choice((5, 50)))
            else:
                await redis.flushdb()

    async def _fail(self, call: Call) -> Response | None:
        """dbt fails in the words of somebody's environment."""
        self.kinds["fault"] += 1
        words = f"environment {ENVIRONMENT[self._random.randint(1, 6)]} of zq{self._random.randint(1, 6)}x4711z"
        error = {"message": words, "path": ["e0"], "extensions": {"code": "INTERNAL", "detail": words}}
        if self._random.random() < 0.5:
            return JSONResponse({"data": None, "errors": [error], "status": {"user_message": words}}, 200)
        return JSONResponse({"status": {"code": 500, "user_message": words}}, self._random.choice((403, 404, 500)))

    async def _ask(self) -> None:
        holder, seen = self._random.choice(CALLERS)
        body = dict(self._random.choice(self._questions))
        if "$c" in body["query"]:
            body["variables"] = {"c": self._random.choice(self._cursors).decode() or None}
        sent = json.dumps(body).encode()
        answer = await post(self._random.choice(self._apps), sent, holder.key)
        self.kinds["partial" if b'"errors"' in answer else "whole"] += 1
        if b"INTERNAL_SERVER_ERROR" in answer:
            self.leaks.append(f"{holder.name} was told of a fault of the gateway: {sent!r}")
        known = owners_in(sent)
        for token, owner in owners_in(answer).items():
            self.kinds["told"] += 1
            if owner not in seen and token not in known:
                self.leaks.append(f"{holder.name} was told {token!r}: {sent!r}")
        if b"ursor" in sent and len(self._cursors) < 2_000:
            self._cursors += re.findall(rb'"(Wy[A-Za-z0-9_-]+)"', answer)


async def post(app: ASGIApp, body: bytes, key: str) -> bytes:
    """Everything that is sent back: status, headers and body."""
    parts: list[bytes] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        parts.append(message.get("body", b"") or repr(message).encode())

    headers = [(b"content-type", b"application/json"), (b"x-api-key", key.encode())]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    await app({**scope, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "scheme": "http"}, receive, send)
    return b"\n".join(parts)


async def take(walk: Walk, steps: int) -> None:
    """Walks until so many answers were given, or one told too much."""
    done = until_new = 0
    while done < steps and not walk.leaks:
        if done >= until_new:
            await walk.begin_anew()
            until_new = done + min(NEW_GATEWAY_EVERY, steps // 4)
        done += await walk.step()
    await walk.end()
    assert walk.leaks == []
    # It was a walk worth taking: answers with a lot in them, with errors, with callers leaving and dbt failing.
    assert walk.kinds["told"] > 3 * steps
    assert min(walk.kinds[kind] for kind in ("whole", "partial", "cancelled", "fault")) > steps / 100, walk.kinds


# graphql-core drops the coroutines of an operation whose caller has left; the interpreter says so in its own time.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.slow
@pytest.mark.parametrize("steps", daily_and_nightly(DAILY_STEPS, STEPS))
async def test_nothing_hidden_is_shown(leaky_store: str, steps: int) -> None:
    await take(Walk(leaky_store, Random(SEED)), steps)  # noqa: S311  # the same walk for ever


@pytest.mark.slow
@pytest.mark.external
@pytest.mark.parametrize("steps", daily_and_nightly(DAILY_SHARED_STEPS, SHARED_STEPS))
async def test_nothing_hidden_is_shown_by_replicas_that_share_a_redis(
    leaky_store: str, tmp_path: Path, steps: int
) -> None:
    async with own_redis(tmp_path) as redis:
        walk = Walk(leaky_store, Random(SEED + 1), redis)  # noqa: S311
        await take(walk, steps)
    harms = [walk.kinds[harm] for harm in ("mixed up", "cut off", "standing still", "emptied")]
    # Which of them a short walk meets is a matter of chance: any field of the schema changes what it draws.
    assert (sum(harms) if steps == DAILY_SHARED_STEPS else min(harms)) > 0, walk.kinds
    print(steps, "steps:", dict(walk.kinds))  # noqa: T201  # shown with -s
