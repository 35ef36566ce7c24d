"""`recommit check`: what the project declares, against what its notebooks and modules say, and without a run."""
