"""The registry: which model was promoted when, by whom and on what evidence, kept in Git tags in GTO's format."""
