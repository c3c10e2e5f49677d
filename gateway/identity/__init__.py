"""Who asks: API keys, signed tokens, and what each of them lets its holder see. Knows no HTTP server and no GraphQL."""
