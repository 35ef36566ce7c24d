"""`recommit check`: compares what a project declares with its notebooks and modules, without a run."""
