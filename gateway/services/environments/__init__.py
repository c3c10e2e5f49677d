"""Environments, the revision of their facts, and events of change."""
