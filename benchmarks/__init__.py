"""Measurements of the gateway; see docs/benchmarks.md. Nothing here is part of the installed package."""
