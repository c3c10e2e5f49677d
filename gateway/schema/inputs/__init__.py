"""Arguments, filters and orders."""
