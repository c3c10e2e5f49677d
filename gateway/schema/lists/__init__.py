"""Connections and pages."""
