"""The local dbt platform: an archive of real dbt runs, served as dbt's Discovery and Admin APIs."""
