"""The tools for questions that no other tool answers: GraphQL of the agent's own, within the limits for everybody."""

from __future__ import annotations

from typing import Any

_QUERY = {"type": "string", "description": "A GraphQL query. The resource dbt-gateway://schema holds the schema."}

FREE_QUERIES: dict[str, tuple[str, dict[str, Any]]] = {
    "execute_query": (
        "Run a GraphQL query of your own. Only for questions that no other tool answers. Limits on depth, fields and "
        "cost apply; ask for few fields and use first.",
        {
            "type": "object",
            "properties": {
                "query": _QUERY,
                "variables": {"type": "object", "description": "Values of the query's variables."},
            },
            "required": ["query"],
            "additionalProperties": False,
        },
    ),
    "validate_query": (
        "Check a GraphQL query against the schema and the limits without running it.",
        {"type": "object", "properties": {"query": _QUERY}, "required": ["query"], "additionalProperties": False},
    ),
}
"""Name → description, JSON Schema of the arguments."""
