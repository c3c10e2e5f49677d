"""The facts cache: what was read from dbt, until when it is fresh, and one reading for many requests."""
