"""Scores a table that may be larger than memory, in processes or on a cluster, with the same result in each way."""
