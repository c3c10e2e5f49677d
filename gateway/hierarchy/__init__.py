"""What an account, project, model, job and run are: plain frozen facts, filters, ranking and statistics. No I/O."""
