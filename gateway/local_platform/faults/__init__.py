"""Faults on purpose, for tests of clients: the switches, and the gate that carries them out."""
