"""Why a caller is not let in. The messages are fixed texts: nothing of a credential is repeated."""

from __future__ import annotations

from gateway.errors import GatewayError


class Unauthenticated(GatewayError):
    """The request's credentials identify nobody; the answer carries `WWW-Authenticate`."""

    code = "UNAUTHENTICATED"
    http_status = 401


class Forbidden(GatewayError):
    """The caller is known, and may not do this."""

    code = "FORBIDDEN"
    http_status = 403


class IdentityUnavailable(GatewayError):
    """The caller cannot be identified now, because the keys of the identity provider could not be read."""

    code = "IDENTITY_UNAVAILABLE"
    http_status = 503
