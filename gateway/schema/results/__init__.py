"""What a run did: steps, nodes, failures."""
