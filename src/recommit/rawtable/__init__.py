"""A table of one's own: a CSV or parquet file, read as text first and typed by the declaration of its columns."""
