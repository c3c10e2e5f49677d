"""dbt's words, and the total mappings of them into ours."""
