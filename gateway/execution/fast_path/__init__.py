"""The fast path: what of an operation asks nobody is compiled once, graphql-core runs the rest. docs/fast-path.md."""
