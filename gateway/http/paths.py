"""Where GraphQL is served. Clients and proxies add the slash; a redirect would lose the body of a POST."""

from __future__ import annotations

GRAPHQL_PATHS = ("/graphql", "/graphql/")
