"""Prove a commit: replay its stages and compare what they make with what was recorded."""
