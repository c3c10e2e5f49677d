"""What happened, as the archive tells it, in the hierarchy's words."""
