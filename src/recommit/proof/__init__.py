"""Proves a commit: replays its stages and compares what they make with what was recorded."""
