"""Traces a model, prediction or figure back to its raw data, and an input forward to everything made from it."""
