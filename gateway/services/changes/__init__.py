"""What notices changes at dbt, and invalidates facts."""
