"""SQL databases: engines whose readers see one state and whose writers wait for each other."""
