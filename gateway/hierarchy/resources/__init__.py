"""What a dbt project defines beside models and sources, and its lineage."""
