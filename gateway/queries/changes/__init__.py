"""Series of runtimes, what got slower and why, what is flaky."""
