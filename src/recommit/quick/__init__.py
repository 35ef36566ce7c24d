"""A quick first look: the project's own stages on a sample, in a copy of the project, and what they found."""
