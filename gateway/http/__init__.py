"""The edge: GraphQL over HTTP, the explorer and the health of the process. Knows HTTP, knows nothing of dbt.

A request comes in through `serving`, is read by `request`, weighed by `limits`, and answered by `graphql.py`, or from
`repeats`; `live` gives answers that go on, `observing` counts and logs, `explorer` is GraphiQL. `edge.py` joins them.
"""
