"""Accounts, projects, models, jobs, runs, sources and results: plain frozen facts."""
