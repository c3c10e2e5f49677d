"""The questions of the terminal, asked of a running gateway as GraphQL: the same tables as without one."""
