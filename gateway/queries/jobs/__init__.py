"""Questions about jobs and their runs."""
