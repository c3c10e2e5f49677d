"""GraphiQL, served by the gateway itself: its page, its files, and the tabs of ready questions."""
