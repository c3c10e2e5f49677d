"""Questions about models, and about those that are no more."""
