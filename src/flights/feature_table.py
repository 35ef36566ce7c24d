"""The columns of the feature table: those of `catalogue`, between what names a row and what came of it."""

from dataclasses import replace

from flights import rules
from flights.catalogue import CATALOGUE, FEATURES
from flights.columns import FLIGHTS, YEARS
from recommit.catalogue import Feature
from recommit.columns import ALWAYS, Column, Table, since

_WITHIN = {"share": (0, 1), "flights": (0, 1000), "min": (-120, 1440)}


def _column(feature: Feature) -> Column:
    """Whatever a feature's `available` says, its value is there when the prediction is asked for."""
    known = since("predicted_at")
    if feature.kind == "category":
        return Column(feature.name, "text", known, values=CATALOGUE.categories()[feature.name])
    within = _WITHIN.get(feature.unit, (-1000, 10_000))
    return Column(feature.name, "number", known, feature.unit, within, missing="may be")


TABLE = Table(
    "features",
    keys=FLIGHTS.keys[:1],
    columns=(
        FLIGHTS["flight_id"],
        FLIGHTS["scheduled_departure"],
        Column("predicted_at", "instant", ALWAYS, within=YEARS),
        FLIGHTS["label_known_at"],
        replace(FLIGHTS["late"], known=since("label_known_at")),
        *(_column(feature) for feature in FEATURES),
    ),
    rules=rules.FEATURES,
)
