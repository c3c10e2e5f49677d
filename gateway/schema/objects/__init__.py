"""Account, project, model, job and run."""
