"""Runs and histories as Discovery returns them, behind the interface for history."""
