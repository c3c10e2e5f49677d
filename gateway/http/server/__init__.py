"""Sockets and processes: the server, deadlines for slow clients, turns under load, leaving without dropping anybody."""
