"""Builds the parts from settings: upstream, authentication, readiness, samples for metrics."""
