"""Questions about sources, seeds, tests and the other resources of a project, and lineage."""
