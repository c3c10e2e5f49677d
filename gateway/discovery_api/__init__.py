"""The hierarchy as a synchronous Python library: accounts, projects, models, jobs and runs of dbt.

Start with `from gateway.discovery_api.api import dbtAccount`. It asks the same questions as the GraphQL schema, through
the same functions, so that the two never disagree.
"""
