"""Compares the candidates of two experiments, branches or commits, or of the working tree; writes nothing."""
