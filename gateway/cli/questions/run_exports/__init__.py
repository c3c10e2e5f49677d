"""A finished run for other systems: as a trace over OTLP, and as OpenLineage events."""
