"""The GraphQL schema: types (one a file), inputs, connections; resolvers of a few lines over the loading room."""
