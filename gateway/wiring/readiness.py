"""Whether this process should be sent requests, and how the things it stands on are doing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from gateway.errors import GatewayError, UpstreamForbidden, UpstreamUnauthenticated
from gateway.http.health import Readiness
from gateway.services.bundle import Services
from gateway.services.resilience.api_status import ApiStatus

_CHECK_SECONDS = 5.0
_PATIENCE_SECONDS = 1.0
# Facts younger than this are taken for a sign that dbt answers.
_BELIEVED_SECONDS = 30.0


class UpstreamReadiness:
    """Ready from the moment dbt has once listed its projects, and from then on.

    A process that has never read anything is of no use, and a rollout that brings a wrong address or token should stop
    at it. Later, when dbt is down, it still shows what it knows, and has a coded error for the rest: taken out of the
    balancer, as all its siblings would be at the same moment, it could tell nobody anything. So dbt's state is shown,
    not judged; so is that of the Redis that replicas share, without which they are slower and right, and that of
    the archive beside dbt, without which history is shorter. dbt is asked every
    5 s at most, whoever looks, and a look waits 1 s for it at most.
    """

    def __init__(
        self,
        services: Callable[[], Services],
        callers_bring_tokens: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = services
        self._callers_bring_tokens = callers_bring_tokens
        self._clock = clock
        self._was_read = False
        self._dbt = "not asked yet"
        self._checked = -_CHECK_SECONDS
        self._check: asyncio.Task[None] | None = None

    async def __call__(self) -> Readiness:
        if self._check is None and self._clock() - self._checked >= _CHECK_SECONDS:
            self._check = asyncio.create_task(self._ask())
        if self._check is not None:
            done, _ = await asyncio.wait({self._check}, timeout=_PATIENCE_SECONDS)
            if not done:
                return Readiness(self._was_read, {"dbt": "no answer yet", **await self._beside()})
        return Readiness(self._was_read, {"dbt": self._dbt, **await self._beside()})

    async def _beside(self) -> dict[str, str]:
        return {**self._lines(), **await self._cache(), **self._archive()}

    def _lines(self) -> dict[str, str]:
        """How the breaker and the budget of each API stand."""
        try:
            status = self._services().upstream_status()
        except GatewayError:
            return {}
        return {"discovery": _told(status.discovery), "admin": _told(status.admin)}

    async def _cache(self) -> dict[str, str]:
        """Whether facts are shared now; nothing where there is nothing to share them through."""
        try:
            shared = self._services().tiers.shared
        except GatewayError:
            return {}
        if shared is None:
            return {}
        answers = await shared.answers()
        trouble = shared.link.trouble or ("" if answers else "Redis does not answer")
        return {"cache": f"degraded: {trouble}" if trouble else "shared"}

    def _archive(self) -> dict[str, str]:
        """How the archive of finished runs beside dbt stands; nothing where none is named."""
        try:
            state = self._services().archive_state
        except GatewayError:
            return {}
        return {"archive": state()} if state else {}

    async def _ask(self) -> None:
        try:
            services = self._services()
            with services.max_age_of(_BELIEVED_SECONDS):
                await _ask_for_projects(services)
        except GatewayError as failure:
            self._dbt = failure.code
            # Where callers bring their own tokens, dbt need not know ours.
            is_refused = isinstance(failure, UpstreamUnauthenticated | UpstreamForbidden)
            self._was_read |= is_refused and self._callers_bring_tokens
        else:
            self._dbt, self._was_read = "ok", True
        finally:
            self._checked, self._check = self._clock(), None


async def _ask_for_projects(services: Services) -> None:
    """Raises GatewayError when dbt does not report which projects there are."""
    topology = await services.admin.topology()
    if not services.admin.inferred:
        return
    # They are configured; dbt has to know at least one of their environments.
    headers = await services.environments.headers([environment.id for environment in topology.environments])
    failures = [header for header in headers.values() if isinstance(header, GatewayError)]
    if failures and len(failures) == len(headers):
        raise failures[0]


def _told(line: ApiStatus) -> str:
    budget = "" if line.tokens_left is None else f", {line.tokens_left:.0f} requests left this minute"
    pause = "" if line.closed_seconds <= 0 else f", asked again in {line.closed_seconds:.0f} s"
    return f"breaker {line.breaker}{budget}{pause}"
