"""Compares answers of the gateway with an independent computation over the JSON files of an archive."""
