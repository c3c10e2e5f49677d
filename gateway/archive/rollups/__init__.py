"""How results ended, and what is counted of them by day, month and resource, kept equal to the results."""
