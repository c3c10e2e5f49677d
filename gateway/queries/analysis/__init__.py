"""Analyses of a run, of a job, and of the runs of an account."""
