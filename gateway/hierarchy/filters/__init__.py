"""Filters of models, projects, jobs and runs, as predicates and as canonical text."""
