"""What analyses of runs and accounts answer, as objects of the hierarchy."""
