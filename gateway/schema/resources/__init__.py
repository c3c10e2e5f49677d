"""What a dbt project defines beside models: sources, tests, seeds, columns, owners."""
