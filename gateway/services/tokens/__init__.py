"""Services for each token of a caller."""
