"""What is known of an account beside its metadata: asked of the Admin API, or inferred without it."""
