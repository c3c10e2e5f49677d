"""What every resolver finds in `info.context`."""

from __future__ import annotations

import strawberry
from msgspec import Struct, field

from gateway.loading.asking import Asking, PartialFailure
from gateway.loading.live import Live
from gateway.loading.loaders import Loaders


class GatewayContext(Struct):
    """One request: its loads, and the parts of the answer that are missing; a subscription has `live` beside them."""

    loaders: Loaders
    failures: list[PartialFailure] = field(default_factory=list)
    live: Live | None = None


Info = strawberry.Info[GatewayContext, None]


def asking(info: Info) -> Asking:
    """The field that is being resolved, asking its questions."""
    return Asking(info.context.loaders, info.path.as_list, info.context.failures)
