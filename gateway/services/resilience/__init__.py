"""What keeps the gateway a good client of dbt: its request budget, its circuit breaker, its few retries."""
