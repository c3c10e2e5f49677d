"""Enums, what words of dbt become, what a field costs, and where it is null."""
