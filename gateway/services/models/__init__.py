"""Every model of environments: pages, histories, details, and what is read ahead or kept beyond dbt's own history."""
