"""Tools for agents, by the Model Context Protocol: trusted documents, answered as compact rows."""
