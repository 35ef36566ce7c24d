"""From a model, a prediction or a figure back to raw data, and from an input forward to what rests on it."""
