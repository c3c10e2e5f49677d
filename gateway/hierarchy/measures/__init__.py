"""Durations, figures over several of them, what they cost, and what they are based on."""
