"""Orders of lists, and the models of a project found by id or in an order."""
