"""Query, subscription, entities of federation, and the caller."""
