"""Rankings, series and analyses of runs and accounts."""
