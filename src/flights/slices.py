"""The parts of the flights on which a forecast must hold up."""

import itertools

import pandas as pd

_MILES = (0, 500, 1000, 1500, 6000)


def slices(features: pd.DataFrame) -> pd.DataFrame:
    """What each row is judged among, (rows, 4): carrier, origin, distance band (mi), departure hour (New York)."""
    bands = [f"{low} to {high} mi" for low, high in itertools.pairwise(_MILES)]
    return pd.DataFrame(
        {
            "carrier": features["carrier"],
            "origin": features["origin"],
            "distance": pd.cut(features["distance"], _MILES, labels=bands, include_lowest=True).astype("str"),
            "hour": features["departure_hour"],
        }
    )
