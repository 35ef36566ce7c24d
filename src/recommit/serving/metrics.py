"""The one list of metrics: what the server counts, which alerts follow from it, and what the dashboard shows of it."""

from dataclasses import dataclass
from typing import Literal

from recommit.serving.judge import REASONS

Kind = Literal["counter", "gauge", "histogram"]
ERRORS = {
    "caller": "a request that the caller must change",
    "fault": "a fault of the server",
    "shed": "too many requests waited",
    "log": "the prediction log could not be written",
    "store": "the store of events could not be used",
    "connection": "what is no HTTP, was too slow to come or to be taken, or one connection too many",
}
"""The kinds of errors, and what each is."""
SWAPS = {"taken": "a version that was given the stage is served", "refused": "it cannot be, and the one before is"}
"""What came of a version that was given the stage that is served."""
SHADOWED = {
    "scored": "the shadow has answered",
    "failed": "it has no answer where one was given",
    "dropped": "too many waited for it",
}
"""What came of a request that a shadow is asked."""
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Bounds of the histogram of latency."""


@dataclass(frozen=True)
class Alert:
    """When a person is told: `expr` held for `minutes`. `do` says what to do first."""

    name: str
    expr: str
    minutes: int
    severity: Literal["page", "ticket"]
    says: str
    do: str


@dataclass(frozen=True)
class Metric:
    """A number with its `labels`; over workers a counter or histogram is summed, and a gauge as `over` says.

    A gauge counts of workers that live. The dashboard shows `expr` in `unit`, as Grafana calls it, under `title`.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    over: Literal["sum", "min", "max"] = "sum"
    title: str = ""
    expr: str = ""
    unit: str = "short"
    alerts: tuple[Alert, ...] = ()


def _share(series: str, by: str, total: str, time: str = "1h") -> str:
    return f"sum by ({by}) (rate({series}[{time}])) / scalar(sum(rate({total}[{time}])))"


def _moved(series: str, by: str, total: str) -> str:
    """Returns by how much a share of the last hour is another one than that of the last week."""
    return f"abs({_share(series, by, total)} - {_share(series, by, total, '7d')})"


METRICS = (
    Metric(
        "recommit_requests_total", "counter", "Requests that were answered, by route and HTTP status.",
        ("route", "status"), title="Requests per second",
        expr="sum by (route, status) (rate(recommit_requests_total[5m]))", unit="reqps",
    ),
    Metric(
        "recommit_request_seconds", "histogram", "Seconds from a request's headers to the begin of its answer.",
        ("route",), title="Latency: 99 % of requests are answered within",
        expr="histogram_quantile(0.99, sum by (le, route) (rate(recommit_request_seconds_bucket[5m])))", unit="s",
        alerts=(
            Alert(
                "RecommitSlow",
                "histogram_quantile(0.99, sum by (le) (rate("
                'recommit_request_seconds_bucket{route=~".*/infer|/predict"}[5m]))) > 0.25',
                10, "page", "one request of a hundred takes longer than a quarter of a second",
                "Look at requests in flight and at what else runs on the machine; more --workers use more CPUs.",
            ),
        ),
    ),
    Metric(
        "recommit_requests_in_flight", "gauge", "Requests that are being answered.",
        title="Requests in flight", expr="sum(recommit_requests_in_flight)",
    ),
    Metric("recommit_connections", "gauge", "Open connections.", title="Connections", expr="sum(recommit_connections)"),
    Metric(
        "recommit_errors_total", "counter",
        "Errors by kind: " + "; ".join(f"{kind}: {what}" for kind, what in ERRORS.items()) + ".", ("kind",),
        title="Errors per second", expr="sum by (kind) (rate(recommit_errors_total[5m]))", unit="reqps",
        alerts=(
            Alert(
                "RecommitFaults", 'sum(increase(recommit_errors_total{kind="fault"}[5m])) > 0', 0, "page",
                "the server has failed at a request", "Find the request's id and the place in its log.",
            ),
            Alert(
                "RecommitSheds",
                'sum(rate(recommit_errors_total{kind="shed"}[5m])) / sum(rate(recommit_requests_total[5m])) > 0.01',
                5, "page", "more than one request of a hundred is shed", "Start more --workers, or another server.",
            ),
            Alert(
                "RecommitLogFails", 'sum(increase(recommit_errors_total{kind="log"}[5m])) > 0', 0, "page",
                "the prediction log cannot be written, and calls get 503",
                "Make room on the log's disk; `recommit serve --close-log` makes small tables of it.",
            ),
            Alert(
                "RecommitStoreAway", 'sum(increase(recommit_errors_total{kind="store"}[5m])) > 0', 0, "page",
                "the store of events cannot be used, and calls get 503", "Look at its disk. It goes on by itself.",
            ),
            Alert(
                "RecommitRefuses",
                'sum(rate(recommit_errors_total{kind="caller"}[15m])) / sum(rate(recommit_requests_total[15m])) > 0.2',
                15, "ticket", "more than one request of five is refused",
                "A caller may have changed what it sends: ask one by hand, the answer says what is expected.",
            ),
        ),
    ),
    Metric(
        "recommit_rows_total", "counter", "Rows that were answered.", title="Rows answered per second",
        expr="sum(rate(recommit_rows_total[5m]))", unit="short",
    ),
    Metric(
        "recommit_prediction", "histogram", "Answers: the probability, of several classes the largest, or the number.",
        title="Answers: half are below",
        expr="histogram_quantile(0.5, sum by (le) (rate(recommit_prediction_bucket[1h])))",
        alerts=(
            Alert(
                "RecommitPredictionsShift",
                f'max({_moved("recommit_prediction_bucket", "le", "recommit_prediction_count")}) > 0.2', 60, "ticket",
                "answers of the last hour are spread otherwise than those of the week",
                "Compare the features of the prediction log with the training rows.",
            ),
        ),
    ),
    Metric(
        "recommit_outcomes_total", "counter", "Rows by decision, or by most likely class.", ("outcome",),
        title="Outcomes: share", expr=_share("recommit_outcomes_total", "outcome", "recommit_outcomes_total"),
        unit="percentunit",
    ),
    Metric(
        "recommit_feature_missing_total", "counter", "Answered rows in which a feature is missing.", ("feature",),
        title="Features: share missing",
        expr=_share("recommit_feature_missing_total", "feature", "recommit_rows_total"), unit="percentunit",
        alerts=(
            Alert(
                "RecommitFeatureMissing",
                _moved("recommit_feature_missing_total", "feature", "recommit_rows_total") + " > 0.2", 60, "ticket",
                "the feature {{ $labels.feature }} is missing in another share of rows than in the week",
                "Look at where it comes from.",
            ),
        ),
    ),
    Metric(
        "recommit_model_info", "gauge", "1 for each model, and what it is: served, canary or shadow.",
        ("name", "version", "sha256", "role"), "max",
        title="Model", expr="max by (name, version, role) (recommit_model_info)",
        alerts=(
            Alert(
                "RecommitWorkersDiffer", 'count by (instance) (recommit_model_info{role="served"}) > 1', 5, "page",
                "the workers of one server answer with different models", "Look at its log: a worker says why.",
            ),
        ),
    ),
    Metric(
        "recommit_swaps_total", "counter",
        "Versions that were given the stage, by worker: " + "; ".join(f"{kind}: {what}" for kind, what in SWAPS.items())
        + ".", ("outcome",), title="Swaps in an hour",
        expr="sum by (outcome) (increase(recommit_swaps_total[1h]))",
    ),
    Metric(
        "recommit_model_not_taken", "gauge", "1 where the stage cannot be followed, and what was served before is.",
        (), "max", title="Stage not followed", expr="max(recommit_model_not_taken)",
        alerts=(
            Alert(
                "RecommitNotTaken", "max(recommit_model_not_taken) > 0", 1, "page",
                "the version that has the stage is not served, but the one before",
                "The server's log says why. `recommit rollback` records that the one before has the stage.",
            ),
        ),
    ),
    Metric(
        "recommit_shadow_total", "counter",
        "Requests for the shadow: " + "; ".join(f"{kind}: {what}" for kind, what in SHADOWED.items()) + ".",
        ("outcome",), title="Shadow: requests per second", expr="sum by (outcome) (rate(recommit_shadow_total[5m]))",
        unit="reqps",
        alerts=(
            Alert(
                "RecommitShadowDrops",
                'sum(rate(recommit_shadow_total{outcome="dropped"}[15m])) '
                "/ sum(rate(recommit_shadow_total[15m])) > 0.1",
                15, "ticket", "more than one request of ten is not asked of the shadow",
                "Start more --workers, or compare by what there is.",
            ),
        ),
    ),
    Metric(
        "recommit_canary_requests_total", "counter",
        "Requests for predictions while there is a canary, by who answers: first or canary.", ("group",),
        title="Canary: requests per second", expr="sum by (group) (rate(recommit_canary_requests_total[5m]))",
        unit="reqps",
    ),
    Metric(
        "recommit_canary_errors_total", "counter", "Those of them that got an error.", ("group",),
        title="Canary: share of errors", unit="percentunit",
        expr="sum by (group) (rate(recommit_canary_errors_total[5m])) "
        "/ sum by (group) (rate(recommit_canary_requests_total[5m]))",
    ),
    Metric(
        "recommit_canary_slow_total", "counter", "Those of them that took longer than the canary's bound.", ("group",),
        title="Canary: share of slow answers", unit="percentunit",
        expr="sum by (group) (rate(recommit_canary_slow_total[5m])) "
        "/ sum by (group) (rate(recommit_canary_requests_total[5m]))",
    ),
    Metric(
        "recommit_canary_prediction", "histogram",
        "Answers to the first row of each of them; of classes the place of the most likely and its probability.",
        ("group",), title="Canary: half of the answers are below",
        expr="histogram_quantile(0.5, sum by (le, group) (rate(recommit_canary_prediction_bucket[1h])))",
    ),
    Metric(
        "recommit_canary_aborted", "gauge",
        "1 where the canary was aborted: " + "; ".join(f"{why}: {what}" for why, what in REASONS.items()) + ".",
        ("reason",), "max", title="Canary aborted", expr="max by (reason) (recommit_canary_aborted)",
        alerts=(
            Alert(
                "RecommitCanaryAborted", "max by (reason) (recommit_canary_aborted) > 0", 0, "ticket",
                "the canary answers no more: {{ $labels.reason }}",
                "The first model answers all requests. `recommit rollback --stage` takes the stage from the canary.",
            ),
        ),
    ),
    Metric(
        "recommit_model_trained_until_seconds", "gauge",
        "When the last outcome that the model has learned from was known, in seconds since 1970.", (), "min",
        title="Age of what the model has learned from",
        expr="time() - min(recommit_model_trained_until_seconds)", unit="s",
        alerts=(
            Alert(
                "RecommitModelOld", "time() - min(recommit_model_trained_until_seconds) > 180 * 86400", 60, "ticket",
                "the model has learned nothing of the last 180 days", "Train on newer rows: docs/registry.md.",
            ),
        ),
    ),
    Metric(
        "recommit_state_known_until_seconds", "gauge",
        "The last instant that all tables cover which features are computed from, in seconds since 1970.", (), "min",
        title="Age of the state", expr="time() - min(recommit_state_known_until_seconds)", unit="s",
        alerts=(
            Alert(
                "RecommitStateStale", "time() - min(recommit_state_known_until_seconds) > 6 * 3600", 15, "page",
                "features are computed from tables of which one tells nothing of the last six hours",
                "Look whether its events still come.",
            ),
        ),
    ),
    Metric(
        "recommit_log_unsynced_seconds", "gauge", "Since when a line of the log waits to be written to the disk.", (),
        "max", title="Log: seconds not yet on the disk", expr="max(recommit_log_unsynced_seconds)", unit="s",
        alerts=(
            Alert(
                "RecommitLogLags", "max(recommit_log_unsynced_seconds) > 5", 1, "page",
                "what is answered reaches the disk more than 5 seconds later", "The log's disk is slow or failing.",
            ),
        ),
    ),
    Metric(
        "recommit_log_files", "gauge", "Files of the log that wait to be made tables, beside one for each worker.", (),
        "max", title="Log: files that wait to be tables", expr="max(recommit_log_files)",
        alerts=(
            Alert(
                "RecommitLogPiles", "max(recommit_log_files) > 200", 60, "ticket",
                "more than 200 files of the log wait to be made tables",
                "Let a timer run `recommit serve --close-log`.",
            ),
        ),
    ),
    Metric(
        "recommit_ready", "gauge", "1 where golden rows were answered as expected and the server is not ending.", (),
        "min", title="Ready", expr="min(recommit_ready)",
        alerts=(
            Alert(
                "RecommitNotReady", "min(recommit_ready) == 0", 2, "page", "a worker is not ready",
                "Look at its log: it says why.",
            ),
        ),
    ),
    Metric(
        "recommit_workers", "gauge", "Worker processes that live.", title="Workers", expr="sum(recommit_workers)",
        alerts=(
            Alert(
                "RecommitDown", "absent(recommit_workers)", 2, "page", "no server tells its metrics",
                "Look whether it runs, and whether Prometheus has a token of the scope read.",
            ),
        ),
    ),
)  # fmt: skip
"""What the server tells at /metrics."""
BY_NAME = {one.name: one for one in METRICS}
