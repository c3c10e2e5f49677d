"""Readers of the fields that several types share."""
