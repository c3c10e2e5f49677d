"""The questions about what happened, each by a few statements: rows in, rows out."""
