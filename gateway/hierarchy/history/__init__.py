"""Runtimes over several runs: which runs count, means, series and their lasting changes."""
