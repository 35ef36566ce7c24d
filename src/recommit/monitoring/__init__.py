"""Know when a model is no longer right: what comes in, what it says and what came of it, day by day."""
