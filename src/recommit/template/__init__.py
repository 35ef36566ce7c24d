"""What `recommit new` writes: a project on a table, from templates and from this repository's own files."""
