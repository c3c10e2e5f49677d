"""What is known of a request when it is over: metrics, the operation log."""
