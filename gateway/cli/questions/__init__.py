"""Questions in a terminal: each opens an account of the Python library, asks it, and shows the answer as a table."""
