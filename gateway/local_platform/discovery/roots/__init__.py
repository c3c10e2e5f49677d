"""Roots of the schema, and readers of the types below them."""
