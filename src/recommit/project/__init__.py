"""What all other packages use: Git, DVC's lock, cache and remotes, the pipeline, parameters, writing files."""
