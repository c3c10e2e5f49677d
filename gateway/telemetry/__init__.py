"""What the gateway tells about its own work. Stands on nothing, so every room may report here."""
