"""Moves the clock on: new data in, pipeline, gate, promotion if it says yes, predictions for the period ahead."""
