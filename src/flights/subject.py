"""What is predicted, by name and in words: for the model's manifest and the problem."""

NAME = "flights"
"""The model's name in the registry."""
QUESTION = "Will a flight out of New York be late?"
TARGET = "late"
"""The column that is predicted."""
OUTCOMES = ("punctual", "late")
"""The words for false and true."""
INSTANT = "before scheduled departure"
"""When a prediction is asked for: so many hours before what."""
