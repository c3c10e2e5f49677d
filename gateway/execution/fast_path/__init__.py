"""The fast path: compiled plans, run synchronously from memory or by graphql-core's executor. See docs/fast-path.md."""
