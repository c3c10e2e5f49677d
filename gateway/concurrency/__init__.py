"""Cooperative scheduling: how long work shares one event loop with everybody else."""
