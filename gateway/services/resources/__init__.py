"""Sources, seeds, tests, exposures, groups, columns and lineage."""
