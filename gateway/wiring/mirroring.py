"""Opens what the mirror of dbt Cloud needs: the archive, and a way to dbt that keeps to a part of its limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from gateway.archive.archive import Archive
from gateway.errors import ConfigurationError
from gateway.mirror.mirror import Mirror, MirrorPolicy, Tell
from gateway.services.admin.admin_api import AdminApi
from gateway.services.admin.finished_runs import FinishedRuns
from gateway.services.discovery.base_query import BaseQuery
from gateway.services.resilience.paced_bucket import PacedBucket
from gateway.services.resilience.policy import BudgetPolicy
from gateway.services.resilience.resilient_transport import MakeBucket, ResilientTransport, TransportDependencies
from gateway.services.resilience.shared_token_bucket import SharedBuckets
from gateway.services.resilience.token_bucket import LocalTokenBucket, TokenBucket
from gateway.services.runs.recorded_nodes import RecordedNodes
from gateway.services.transport.aiohttp_transport import AiohttpTransport
from gateway.services.transport.graphql_transport import GuardedTransport
from gateway.services.transport.http_transport import Api, TransportLimits
from gateway.settings import Settings
from gateway.wiring.archive_beside import require_account
from gateway.wiring.upstream import account_key_of, open_redis, resilience_of

_ARTIFACT_SECONDS = 120.0
_RUNS_AT_ONCE = 4


@asynccontextmanager
async def open_mirror(
    settings: Settings, store: str, *, keep_raw: bool, again: bool, tell: Tell
) -> AsyncIterator[Mirror]:
    """A mirror of the account of the settings into the archive at `store`, which is made where there is none.

    Raises ConfigurationError where the settings name no dbt Cloud with an Admin API, or the archive is of another
    account.
    """
    account_id, admin_url = _account(settings)
    async with AsyncExitStack() as stack:
        archive = await asyncio.to_thread(Archive.open, store)
        stack.callback(archive.close)
        require_account(archive, account_id)
        transport = await _open_transport(stack, settings, account_id)
        runs = FinishedRuns(AdminApi(transport, admin_url, account_id))
        discovery = GuardedTransport(transport, str(settings.discovery_url))
        nodes = RecordedNodes(await stack.enter_async_context(BaseQuery(discovery)))
        policy = MirrorPolicy(settings.mirror_days, _RUNS_AT_ONCE, keep_raw=keep_raw, again=again)
        yield Mirror(archive, runs, policy, tell, nodes=nodes)


def _account(settings: Settings) -> tuple[int, str]:
    if not (settings.uses_dbt_cloud and settings.admin_url and settings.account_id and settings.service_token):
        raise ConfigurationError(
            "The mirror reads dbt Cloud's runs through its Admin API: set GATEWAY_DISCOVERY_URL, GATEWAY_ADMIN_URL, "
            "GATEWAY_ACCOUNT_ID and GATEWAY_SERVICE_TOKEN. Local runs are read by gateway ingest."
        )
    return settings.account_id, settings.admin_url


async def _open_transport(stack: AsyncExitStack, settings: Settings, account_id: int) -> ResilientTransport:
    limits = TransportLimits(
        max(settings.upstream_seconds, _ARTIFACT_SECONDS),
        settings.upstream_connections,
        settings.upstream_response_bytes,
    )
    link = await stack.enter_async_context(open_redis(settings))
    shared = None if link is None else SharedBuckets(link, account_key_of(settings, account_id))
    dependencies = TransportDependencies(tokens=_part_of(settings.mirror_share, shared))
    inner = AiohttpTransport(settings.service_token, limits)
    transport = ResilientTransport(inner, resilience_of(settings, most_calls=None), limits, dependencies)
    stack.push_async_callback(transport.close)
    return transport


def _part_of(share: float, shared: SharedBuckets | None) -> MakeBucket:
    """Buckets with a share of each budget; where replicas count together, taken from what they share."""

    def make(api: Api, policy: BudgetPolicy) -> TokenBucket:
        if policy.per_minute is None:
            return LocalTokenBucket(policy)
        own = LocalTokenBucket(BudgetPolicy(policy.per_minute * share, policy.cooldown))
        return own if shared is None else PacedBucket(own, shared.tokens(api, policy), policy.burst / 2)

    return make
