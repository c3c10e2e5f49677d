"""What happened, as the archive has it, in the hierarchy's words."""
