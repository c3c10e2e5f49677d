"""Lasting changes of runtimes, kept up to date with the runs."""
