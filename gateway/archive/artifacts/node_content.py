"""Reads the parts of a manifest node that are reported in another form than the manifest holds them."""

from __future__ import annotations

from typing import Protocol

import msgspec

from gateway.archive.artifacts import odd_values


class Configured(Protocol):
    """A node, or as much of one as is asked here."""

    @property
    def tags(self) -> list[str] | str | None: ...

    @property
    def config(self) -> msgspec.Raw: ...


class Config(msgspec.Struct, frozen=True):
    """What is asked of a node's config."""

    materialized: str | None = None
    tags: list[str] | str | None = None
    group: str | None = None
    access: str | None = None


_config = msgspec.json.Decoder(Config)
_EMPTY = Config()


def config_of(node: Configured) -> Config:
    """The typed part of a node's config; empty where there is none or it is of another form."""
    data = bytes(node.config)
    if not data or data == b"null":
        return _EMPTY
    try:
        return _config.decode(data)
    except msgspec.ValidationError:
        return _odd_config(data)


def _odd_config(data: bytes) -> Config:
    try:
        return odd_values.decode(data, Config)[0]
    except odd_values.UnusableError:
        return _EMPTY


def tags_of(node: Configured) -> list[str]:
    """A node's tags; resources that carry them in their config only are known from that."""
    tags = node.tags if node.tags else config_of(node).tags
    return [tags] if isinstance(tags, str) else list(tags or ())


def materialization(node: Configured) -> str | None:
    """`table`, `view`, `incremental`, a custom name …"""
    return config_of(node).materialized
