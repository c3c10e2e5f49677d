"""Figures, what they are based on, and what they cost."""
