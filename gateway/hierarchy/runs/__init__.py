"""What happened in runs: executions, attempts, failures, skipped resources."""
