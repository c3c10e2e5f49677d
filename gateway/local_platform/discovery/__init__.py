"""dbt's Discovery API over the archive: its published schema, answered from artifacts."""
