"""The facts cache: what was read from dbt, until when it may be believed, and one flight for many who ask."""
