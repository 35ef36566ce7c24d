"""The plain case: one table, whose own columns are the features."""

import hashlib

import pandas as pd

from recommit.catalogue import UNKNOWN, Catalogue, Feature
from recommit.columns import ALWAYS, Column, Known, Table, since


def feature_table(
    rows: Table,
    catalogue: Catalogue,
    target: str,
    instant: str | None = None,
    known: str | None = None,
    group: str | None = None,
) -> Table:
    """Return the declaration of the feature table: key, `instant`, `group`, `known`, the target, then every feature.

    `rows` declares the raw table, and `instant`, `group`, `known` and `target` are columns of it. A feature that is a
    column of it too has its range; whatever the catalogue says of a feature, it is known when the prediction is asked
    for.
    """
    names = [rows.keys[0][0], *(name for name in (instant, group, known, target) if name)]
    from_when = since(instant) if instant else ALWAYS
    columns = tuple(rows[name] for name in names) + tuple(_column(one, rows, from_when) for one in catalogue.features)
    return Table("features", keys=rows.keys[:1], columns=columns)


def own_columns(rows: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    """Return those features that `rows` has as columns, as a model takes them: float32, or text of the vocabulary.

    A text that is not in the vocabulary, or missing, is "unknown".
    """
    return pd.DataFrame(
        {
            one.name: rows[one.name].where(rows[one.name].isin(one.vocabulary), UNKNOWN).astype("str")
            if one.kind == "category"
            else rows[one.name].astype("float32")
            for one in catalogue.features
            if one.name in rows
        },
        index=rows.index,
    )


def sample(rows: pd.DataFrame, key: str, share: float, seed: int) -> pd.DataFrame:
    """Return a share (0 to 1) of `rows`, by a hash of the key and the seed: a row is kept whatever the others are."""
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, not {share}")
    hashes = rows[key].map(lambda one: hashlib.sha256(f"{seed} {one}".encode()).digest()[:8])
    return rows[[int.from_bytes(one) < share * 2**64 for one in hashes]].reset_index(drop=True)


def _column(feature: Feature, rows: Table, known: Known) -> Column:
    if feature.kind == "category":
        return Column(feature.name, "text", known, values=(*feature.vocabulary, UNKNOWN))
    own = rows[feature.name] if feature.name in rows.names else None
    within, draft = (own.within, own.draft) if own else (None, False)
    return Column(feature.name, "number", known, feature.unit, within, missing="may be", draft=draft)
