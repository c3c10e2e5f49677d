"""Executes documents."""
