"""Where Redis is: what `cache_url` says, read once and refused with a reason where it makes no sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from redis.asyncio.connection import SSLConnection, parse_url

Kind = Literal["server", "cluster", "sentinel"]

_SCHEMES: Mapping[str, tuple[Kind, str]] = {
    "redis": ("server", "redis"),
    "rediss": ("server", "rediss"),
    "unix": ("server", "unix"),
    "redis+cluster": ("cluster", "redis"),
    "rediss+cluster": ("cluster", "rediss"),
    "redis+sentinel": ("sentinel", "redis"),
    "rediss+sentinel": ("sentinel", "rediss"),
}
_PORTS: Mapping[Kind, int] = {"server": 6379, "cluster": 6379, "sentinel": 26379}
_OF_SENTINELS = "sentinel_"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One server (its whole `url`), the nodes of a cluster, or the Sentinels that know the master of `service`.

    `options` and `sentinel_options` are redis-py's keyword arguments for connections to servers and to Sentinels.
    """

    kind: Kind
    url: str
    nodes: tuple[tuple[str, int], ...]
    options: Mapping[str, Any]
    service: str = ""
    sentinel_options: Mapping[str, Any] | None = None


def parse_redis_url(url: str) -> RedisAddress:
    """The address that a URL names. Raises ValueError that says what is wrong, without the URL: it may hold a password.

    `redis://`, `rediss://` and `unix://` are redis-py's. `redis+cluster://HOST:PORT,HOST:PORT` names some nodes of a
    cluster, `redis+sentinel://HOST:PORT,HOST:PORT/SERVICE` the Sentinels of a service; with `rediss+` all speak TLS.
    User name, password and options (`?ssl_ca_certs=…`) are as in `redis://`; those of the Sentinels begin with
    `sentinel_`.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"must begin with one of {', '.join(f'{scheme}://' for scheme in _SCHEMES)}")
    kind, scheme = _SCHEMES[parts.scheme]
    if kind == "server":
        return RedisAddress(kind, url, (), _options(url))
    user, _, hosts = parts.netloc.rpartition("@")
    nodes = tuple(_node(text, _PORTS[kind]) for text in hosts.split(","))
    own = [(name, value) for name, value in parse_qsl(parts.query) if not name.startswith(_OF_SENTINELS)]
    options = _options(_one_server(scheme, f"{user}@" if user else "", own))
    if kind == "cluster":
        _check_cluster(parts, options)
        return RedisAddress(kind, url, nodes, options)
    service = unquote(parts.path.strip("/"))
    if not service or "/" in service:
        raise ValueError("must end with the name of Sentinel's service, as in redis+sentinel://host:26379/mymaster")
    theirs = [
        (name.removeprefix(_OF_SENTINELS), value) for name, value in parse_qsl(parts.query) if (name, value) not in own
    ]
    tls = [(name, value) for name, value in own if name.startswith("ssl_")]
    return RedisAddress(kind, url, nodes, options, service, _options(_one_server(scheme, "", [*tls, *theirs])))


def _check_cluster(parts: SplitResult, options: Mapping[str, Any]) -> None:
    if parts.path.strip("/") not in ("", "0") or options.get("db", 0):
        raise ValueError("names a database, and a cluster has only database 0: leave it out")


def _one_server(scheme: str, user: str, options: list[tuple[str, str]]) -> str:
    return f"{scheme}://{user}localhost?{urlencode(options)}"


def _options(url: str) -> dict[str, Any]:
    """What redis-py makes of a URL, without the place; TLS is a flag."""
    options = dict(parse_url(url))
    for name in ("host", "port"):
        options.pop(name, None)
    if options.get("connection_class") is SSLConnection:
        del options["connection_class"]
        options["ssl"] = True
    return options


def _node(text: str, usual_port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    try:
        port = parts.port or usual_port
    except ValueError:
        port = 0
    if not parts.hostname or not port or parts.path:
        # What stands there may be part of a password that should have been escaped.
        raise ValueError("names no hosts: write HOST:PORT,HOST:PORT, and escape special characters in the password")
    return parts.hostname, port
