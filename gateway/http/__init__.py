"""The edge: GraphQL over HTTP, the explorer and the health of the process. Knows HTTP, knows nothing of dbt."""
