"""Answers that go on: subscriptions over WebSockets and server-sent events, and what an operation defers."""
