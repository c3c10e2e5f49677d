"""The mirror: brings the finished runs of a dbt Cloud account into an archive, within dbt's limits."""
