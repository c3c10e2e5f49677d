"""Rows of dbt's answers, and what they become."""
