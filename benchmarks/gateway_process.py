"""Our own contender: `gateway serve` over the fast stand-in for dbt, as an operator would start it."""

from __future__ import annotations

import sys

from benchmarks.objects import ACCOUNT_ID, Size
from benchmarks.processes import LOAD_CORE, SERVER_CORE, Program
from gateway.settings import Settings

# What spares dbt would bound the load.
_UNBOUND = {
    "GATEWAY_DISCOVERY_REQUESTS_PER_MINUTE": "0",
    "GATEWAY_ADMIN_REQUESTS_PER_MINUTE": "0",
    "GATEWAY_CALLS_PER_OPERATION": "0",
}


def fake_upstream(size: Size, latency: float = 0.0) -> Program:
    """The stand-in, on the core of the load generator; `latency` in milliseconds."""
    arguments = ("{port}", str(size.projects), str(size.models), str(latency))
    return Program((sys.executable, "-m", "benchmarks.fake_upstream", *arguments), {}, frozenset({LOAD_CORE}))


def gateway(
    upstream_port: int, *, cold: bool = False, response_cache: bool = False, workers: int = 1, both_cores: bool = False
) -> Program:
    """The gateway over a stand-in. Cold: it believes no fact for longer than a millisecond."""
    believed = "0.001" if cold else "86400"
    address = f"http://127.0.0.1:{upstream_port}"
    environment = {
        "GATEWAY_DISCOVERY_URL": f"{address}/graphql",
        "GATEWAY_ADMIN_URL": address,
        "GATEWAY_ACCOUNT_ID": str(ACCOUNT_ID),
        "GATEWAY_SERVICE_TOKEN": "benchmark",
        "GATEWAY_REVISION_INTERVAL": believed,
        "GATEWAY_TOPOLOGY_SECONDS": believed,
        **_UNBOUND,
        # The stand-in takes seconds for what it has not been asked before.
        "GATEWAY_UPSTREAM_SECONDS": "120",
        "GATEWAY_REQUEST_SECONDS": "300",
    }
    if cold and "stale_seconds" in Settings.model_fields:
        environment["GATEWAY_STALE_SECONDS"] = "0"
    if not response_cache and "response_cache_bytes" in Settings.model_fields:
        environment["GATEWAY_RESPONSE_CACHE_BYTES"] = "0"
    command = (sys.executable, "-m", "gateway", "serve", "--port", "{port}", "--workers", str(workers))
    cores = frozenset({SERVER_CORE, LOAD_CORE}) if both_cores else frozenset({SERVER_CORE})
    return Program(command, environment, cores)
