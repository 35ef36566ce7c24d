"""Leaks: what a model could learn from and will not have, or has already seen, when it is asked."""
