"""What Prometheus reads at /metrics: the numbers of all workers, summed or compared as the list of metrics says."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from recommit.serving.board import Key, Numbers
from recommit.serving.metrics import METRICS, Metric

_OVER: dict[str, Callable[[np.ndarray], Any]] = {"sum": np.sum, "min": np.min, "max": np.max}
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


def exposition(series: Mapping[Key, Numbers], accept: str) -> tuple[bytes, str]:
    """Returns the text and its type: OpenMetrics where `accept` asks for it, else Prometheus' own form."""
    registry = CollectorRegistry()
    registry.register(_Collected(series))
    encoder, kind = choose_encoder(accept)
    return encoder(registry), kind


class _Collected(Collector):
    def __init__(self, series: Mapping[Key, Numbers]) -> None:
        self._series = series

    def collect(self) -> Iterator[Family]:
        """Yields each metric with its series: of gauges those that are set, of counts by route those that are not 0."""
        for metric in METRICS:
            family = _family(metric)
            for (name, labels), numbers in self._series.items():
                if name == metric.name:
                    _add(family, metric, labels, numbers)
            if family.samples:
                yield family


def _family(metric: Metric) -> Family:
    kinds = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}
    return kinds[metric.kind](metric.name, metric.help, labels=metric.labels)


def _add(family: Family, metric: Metric, labels: Sequence[str], numbers: Numbers) -> None:
    if isinstance(family, HistogramMetricFamily):
        bounds = numbers.bounds or ()
        within = np.cumsum(numbers.values[:, :-1].sum(axis=0))
        if metric.labels and not within[-1]:
            return
        ends = [*(f"{end:g}" for end in bounds), "+Inf"]
        family.add_metric(labels, list(zip(ends, within.tolist(), strict=True)), float(numbers.values[:, -1].sum()))
        return
    values = numbers.values[:, 0] if metric.kind == "counter" else numbers.values[numbers.lives, 0]
    values = values[~np.isnan(values)]
    if metric.kind == "counter":
        if (total := float(values.sum())) or len(metric.labels) < 2:
            family.add_metric(labels, total)
    elif len(values):
        family.add_metric(labels, float(_OVER[metric.over](values)))
