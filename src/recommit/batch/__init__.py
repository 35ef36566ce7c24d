"""Score a table: larger than memory, in processes or on a cluster, with the same rows whatever the way."""
