"""Queries that nobody wrote: generated, mutated, and compared with an independent computation."""
