"""Nodes of a state or of a run, as the archive holds them."""
