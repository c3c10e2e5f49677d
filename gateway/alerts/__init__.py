"""Alerts: rules over what the questions of `queries` answer, and messages to those who should know."""
