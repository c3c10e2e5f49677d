"""dbt's Admin REST API over the archive: accounts, projects, environments, jobs, runs and artifacts, for reading."""
