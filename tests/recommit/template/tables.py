"""Small tables as a user might have them, as texts."""

import numpy as np
import pandas as pd
import pyarrow as pa


def texts(columns: dict[str, object]) -> pa.Table:
    """A table of texts, as `read_text` gives it: None where a value is missing."""
    return pa.table(
        {
            name: pa.array([None if pd.isna(one) else str(one) for one in values], pa.string())  # type: ignore[attr-defined]
            for name, values in columns.items()
        }
    )


def customers(rows: int = 400, **changed: object) -> dict[str, object]:
    """Customers who stay or go, without a time: numbers and texts that tell a little of it."""
    rng = np.random.default_rng(7)
    spent = rng.gamma(2, 50, rows).round(2)
    left = rng.random(rows) < 1 / (1 + np.exp((spent - 80) / 60))
    return {
        "customer_id": [f"C{number:04d}" for number in rng.permutation(rows)],
        "age": rng.integers(18, 90, rows),
        "spent": spent,
        "plan": rng.choice(["basic", "family", "gold"], rows),
        "left": np.where(left, "yes", "no"),
    } | changed


def rentals(hours: int = 24 * 365, **changed: object) -> dict[str, object]:
    """Hourly rentals over a year: casual and registered ones add up to cnt."""
    rng = np.random.default_rng(7)
    at = pd.date_range("2012-01-01", periods=hours, freq="h")
    warm = 10 - 12 * np.cos(np.arange(hours) / 8760 * 2 * np.pi) + rng.normal(0, 3, hours)
    registered = rng.poisson(np.clip(60 + 50 * np.sin((at.hour - 8) / 24 * 2 * np.pi) + 3 * warm, 5, None))
    casual = rng.poisson(np.clip(5 + 2 * warm, 1, None))
    return {
        "at": at.strftime("%Y-%m-%d %H:%M"),
        "temp": warm.round(1),
        "weather": rng.choice(["clear", "mist", "rain"], hours),
        "casual": casual,
        "registered": registered,
        "cnt": casual + registered,
    } | changed
