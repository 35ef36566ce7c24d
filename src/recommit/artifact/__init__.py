"""The model as a file."""
