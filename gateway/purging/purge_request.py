"""How caches are asked to drop what has a tag: the requests of three protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

Protocol = Literal["router", "json", "purge"]

_SPACES = ("surrogate-key", "xkey")


@dataclass(frozen=True, slots=True)
class PurgeTarget:
    """A cache in front. `router`: Apollo Router's invalidation endpoint, where this gateway is `subgraph`. `json`: a
    POST of the tags. `purge`: HTTP PURGE with the tags in `tag_header`. `key` is the value of `key_header`."""

    url: str
    protocol: Protocol = "router"
    subgraph: str = "dbt"
    key: SecretStr | None = field(default=None, repr=False)
    key_header: str = "Authorization"
    tag_header: str = "Cache-Tag"

    @property
    def name(self) -> str:
        """How logs and metrics call it: the host, without the path, which may hold an id of an account."""
        return urlsplit(self.url).netloc


@dataclass(frozen=True, slots=True)
class PurgeRequest:
    """One HTTP request."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = None


def purge_request(target: PurgeTarget, tags: Sequence[str]) -> PurgeRequest:
    """The request that purges these tags."""
    headers = {} if target.key is None else {target.key_header: target.key.get_secret_value()}
    if target.protocol == "purge":
        divider = " " if target.tag_header.lower() in _SPACES else ","
        return PurgeRequest("PURGE", target.url, {**headers, target.tag_header: divider.join(tags)})
    body: object = {"tags": tags}
    if target.protocol == "router":
        body = [{"kind": "cache_tag", "subgraphs": [target.subgraph], "cache_tag": tag} for tag in tags]
    return PurgeRequest("POST", target.url, {**headers, "Content-Type": "application/json"}, msgspec.json.encode(body))
