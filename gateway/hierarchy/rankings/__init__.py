"""Top-N by a number, and the averages that rank."""
