"""The archive's tables, and what statements over many keys or rows need."""
