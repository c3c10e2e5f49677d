"""Who may ask, and what exists for him."""
