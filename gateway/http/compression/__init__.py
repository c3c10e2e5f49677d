"""Compressed answers: content codings, and which of them a client accepts."""
