"""Top-N questions and averages."""
