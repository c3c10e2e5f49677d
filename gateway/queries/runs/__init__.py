"""Questions about what happened in runs."""
