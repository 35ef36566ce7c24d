"""The ground floor: Git, DVC's lock, cache and remote, the pipeline, parameters, and files written whole."""
