"""Who asks: API keys, signed tokens, and what their holders may see. Imports no HTTP server and no GraphQL."""
