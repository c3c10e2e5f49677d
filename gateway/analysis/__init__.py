"""What can be computed of runs: lanes, paths, idle time, what-if, change. Plain rows in, plain rows out. No I/O."""
