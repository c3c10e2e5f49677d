"""What every resolver finds in `info.context`."""

from __future__ import annotations

from functools import partial

import strawberry
from msgspec import Struct, field

from gateway.errors import ErrorBehavior
from gateway.loading.field_context import FieldContext, FieldPlace, PartialFailure
from gateway.loading.loaders import Loaders
from gateway.queries.live.live_queries import Live


class GatewayContext(Struct):
    """One request: its loads, and the parts of the answer that are missing; a subscription has `live` beside them."""

    loaders: Loaders
    failures: list[PartialFailure] = field(default_factory=list)
    live: Live | None = None
    on_error: ErrorBehavior = ErrorBehavior.PROPAGATE


Info = strawberry.Info[GatewayContext, None]


def field_context(info: Info) -> FieldContext:
    """The field that is being resolved, asking its questions."""
    return FieldContext(info.context.loaders, partial(_place, info), info.context.failures)


def _place(info: Info) -> FieldPlace:
    path = info.path
    return FieldPlace(tuple(path.as_list()), f"{path.typename}.{info.field_name}")
