"""Tells caches in front of the gateway which answers are outdated, by their tags."""
