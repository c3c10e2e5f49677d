"""Questions over the hierarchy: one context per request, DataLoaders that batch what it asks, selection → projection.

Both faces stand on it: the GraphQL schema and the Python library ask the same functions.
"""
