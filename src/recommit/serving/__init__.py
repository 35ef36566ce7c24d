"""Serves a checked model behind HTTP."""
