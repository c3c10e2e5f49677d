"""Versioned changes of the tables, and what fills columns that older versions did not have."""
