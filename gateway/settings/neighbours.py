"""Settings for what stands around the gateway: caches that keep its answers, clients that use its schema."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings

from gateway.settings.entries import is_web_address

TagHeader = Literal["Cache-Tag", "Edge-Cache-Tag", "Surrogate-Key", "xkey"]


def _checked_address(url: str) -> str:
    if not is_web_address(url):
        raise ValueError("is no http or https address, or has a user name or password in it; a password is the key")
    return url


class PurgeSetting(BaseModel):
    """One `[[purge]]` entry of the configuration file: a cache to purge by tag, and the protocol it speaks.

    `protocol`: `router` is the invalidation endpoint of Apollo Router, `json` a POST of `{"tags": [...]}`, `purge` an
    HTTP request PURGE with the tags in the header that `cache_tag_header` names. `subgraph` is what the router calls
    this gateway. `key` is sent as it is in the header `key_header`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_checked_address)]
    protocol: Literal["router", "json", "purge"] = "router"
    subgraph: str = Field(default="dbt", min_length=1)
    key: SecretStr | None = None
    key_header: str = Field(default="Authorization", pattern="^[A-Za-z0-9-]+$")


class NeighbourSettings(BaseSettings):
    """Cache tags, purges, and field usage by client. See docs/edge.md."""

    cache_tags: bool = Field(
        default=False,
        description="Tag answers with the account, projects, jobs, runs and models they are about, for caches in "
        "front: extensions.apolloCacheTags and apolloEntityCacheTags, and a header.",
    )
    cache_tag_header: TagHeader = Field(
        default="Cache-Tag",
        description="Header with the tags of cache_tags: Cache-Tag, Edge-Cache-Tag (commas), Surrogate-Key or xkey "
        "(spaces).",
    )
    field_usage: bool = Field(
        default=False,
        description="Count which fields of the schema each client asks for, at /usage. Clients name themselves in the "
        "header graphql-client-name or apollographql-client-name.",
    )
    purge: tuple[PurgeSetting, ...] = Field(
        default=(),
        description="Caches in front to purge by tag over HTTP when a run starts or ends or an environment changes. "
        "Needs cache_tags.",
    )
