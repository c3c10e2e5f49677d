"""Executes operations: validation, graphql-core's executor and its fast path, incremental delivery, event streams."""
