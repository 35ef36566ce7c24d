"""The registry of models in Git tags in GTO's format: what was promoted, when, by whom, and on what evidence."""
