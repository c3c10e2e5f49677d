"""The questions that every face asks, GraphQL and the Python library alike. Knows no HTTP and no Strawberry."""
