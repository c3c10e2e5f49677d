"""Metrics, logs and traces of the gateway's own work. Imports no other room, so every room may report here."""
