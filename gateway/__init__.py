"""A GraphQL gateway over dbt metadata: Account → Project → Model / Job → Run."""

__version__ = "0.1.0"
