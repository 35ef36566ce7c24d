"""The alert rules and the dashboard are made of the list of metrics; each alert fires for its reason, and no other."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from recommit.serving.metrics import BY_NAME, ERRORS, METRICS
from recommit.serving.operate.__main__ import FILES, HERE, annotations, dashboard, main, rules
from tests.system.conftest import ROOT, need

ALERTS = {alert.name: alert for metric in METRICS for alert in metric.alerts}
Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """Series that fire an alert, and series that must not: one value for `every` minutes, as promtool writes them."""

    fires: Series
    quiet: Series
    at: int = 30
    every: int = 1
    labels: tuple[tuple[str, str], ...] = ()


def errors(kind: str, many: str, requests: str = "0+600x60") -> Series:
    return {
        f'recommit_errors_total{{kind="{kind}"}}': many,
        'recommit_requests_total{route="/predict",status="200"}': requests,
    }


def slow(share: float, route: str = "/predict") -> Series:
    """Requests of which a share takes half a second, the others a millisecond."""
    name = f'recommit_request_seconds_bucket{{route="{route}",le='
    few = f"0+{round(600 * (1 - share))}x60"
    return {
        f'{name}"0.0025"}}': few,
        f'{name}"0.25"}}': few,
        f'{name}"0.5"}}': "0+600x60",
        f'{name}"+Inf"}}': "0+600x60",
    }


def answers(last: int) -> Series:
    """A hundred answers in 20 minutes, of which half are below 0.5; of those of the last three hours `last`."""
    return {
        'recommit_prediction_bucket{le="0.5"}': f"0+50x500 {25_000 + last}+{last}x20",
        'recommit_prediction_bucket{le="+Inf"}': "0+100x600",
        "recommit_prediction_count": "0+100x600",
    }


def missing(last: int) -> Series:
    """The same of a feature that is missing in a tenth of the rows."""
    return {
        'recommit_feature_missing_total{feature="weight"}': f"0+10x500 {5_000 + last}+{last}x20",
        'recommit_feature_missing_total{feature="recent"}': "0+90x600",
        "recommit_rows_total": "0+100x600",
    }


def shadowed(dropped: str) -> Series:
    return {
        'recommit_shadow_total{outcome="scored"}': "0+100x60",
        'recommit_shadow_total{outcome="dropped"}': dropped,
    }


def canary(reason: str) -> str:
    return f'recommit_canary_aborted{{reason="{reason}"}}'


def served(version: str) -> str:
    return f'recommit_model_info{{name="a",version="{version}",sha256="b",role="served"}}'


CASES = {
    "RecommitSlow": Case(slow(0.02), slow(0.005)),
    "RecommitFaults": Case(errors("fault", "0x25 1x30"), errors("caller", "0x25 1x30")),
    "RecommitSheds": Case(errors("shed", "0+60x60"), errors("shed", "0+3x60")),
    "RecommitLogFails": Case(errors("log", "0x25 5x30"), errors("log", "5x60")),
    "RecommitStoreAway": Case(errors("store", "0x25 5x30"), errors("store", "5x60")),
    "RecommitRefuses": Case(errors("caller", "0+300x60"), errors("caller", "0+60x60"), at=40),
    "RecommitPredictionsShift": Case(answers(90), answers(60), at=515 * 20, every=20),
    "RecommitFeatureMissing": Case(
        missing(60), missing(20), at=515 * 20, every=20, labels=(("feature", "weight"),)
    ),
    "RecommitWorkersDiffer": Case(
        {served("v1.0.0"): "1x60", served("v2.0.0"): "_x5 1x55"},
        {served("v1.0.0"): "1x21 stale", served("v2.0.0"): "_x20 1x40"},
    ),
    "RecommitNotTaken": Case({"recommit_model_not_taken": "0x20 1x40"}, {"recommit_model_not_taken": "0x60"}),
    "RecommitShadowDrops": Case(shadowed("0+20x60"), shadowed("0+5x60"), at=40),
    "RecommitCanaryAborted": Case(
        {canary("errors"): "0x20 1x40"}, {canary("errors"): "0x60"}, labels=(("reason", "errors"),)
    ),
    "RecommitModelOld": Case(
        {"recommit_model_trained_until_seconds": f"{-181 * 86400}x100"},
        {"recommit_model_trained_until_seconds": f"{-179 * 86400}x100"},
        at=70,
    ),
    "RecommitStateStale": Case(
        {"recommit_state_known_until_seconds": f"{-6 * 3600}x60"}, {"recommit_state_known_until_seconds": "0+60x60"}
    ),
    "RecommitLogLags": Case({"recommit_log_unsynced_seconds": "0x20 6x40"}, {"recommit_log_unsynced_seconds": "2x60"}),
    "RecommitLogPiles": Case({"recommit_log_files": "201x100"}, {"recommit_log_files": "200x100"}, at=70),
    "RecommitNotReady": Case({"recommit_ready": "1x20 0x40"}, {"recommit_ready": "1x27 0 1x30"}),
    "RecommitDown": Case({"recommit_workers": "2x20 stale"}, {"recommit_workers": "2x60"}),
}  # fmt: skip


def promtool(*words: str | Path) -> None:
    need("promtool")
    done = subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def expected(name: str) -> dict[str, Any]:
    labels = dict(CASES[name].labels)
    said = {
        key: re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], text)
        for key, text in annotations(ALERTS[name]).items()
    }
    return {"exp_labels": {"severity": ALERTS[name].severity, **labels}, "exp_annotations": said}


def checked(name: str, series: Series, fires: bool) -> dict[str, Any]:
    case = CASES[name]
    return {
        "interval": f"{case.every}m",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "alert_rule_test": [
            {"eval_time": f"{case.at}m", "alertname": name, "exp_alerts": [expected(name)] if fires else []}
        ],
    }


def test_each_alert_fires_when_it_must_and_only_then(tmp_path: Path) -> None:
    """Each with its own rule alone, since promtool evaluates all rules at every step."""
    (tmp_path / "alerts.yml").write_text(rules())
    promtool("check", "rules", tmp_path / "alerts.yml")
    (group,) = yaml.safe_load(rules())["groups"]
    for rule in group["rules"]:
        name, every = rule["alert"], f"{CASES[rule['alert']].every}m"
        alone = {"groups": [group | {"rules": [rule]}]}
        tests = [checked(name, CASES[name].fires, True), checked(name, CASES[name].quiet, False)]
        (tmp_path / f"{name}.rules").write_text(json.dumps(alone))
        said = {"rule_files": [f"{name}.rules"], "evaluation_interval": every, "tests": tests}
        (tmp_path / f"{name}.tests").write_text(json.dumps(said))
    promtool("test", "rules", *(tmp_path / f"{name}.tests" for name in CASES))


def test_each_alert_has_such_a_case() -> None:
    assert CASES.keys() == ALERTS.keys()


def test_every_expression_of_the_dashboard_is_one(tmp_path: Path) -> None:
    shown = [panel["targets"][0]["expr"] for panel in json.loads(dashboard())["panels"]]
    assert len(shown) == len(METRICS)
    recorded = [{"record": f"panel:{place}", "expr": expr} for place, expr in enumerate(shown)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": recorded}]}))
    promtool("check", "rules", tmp_path / "rules.yml")


def test_the_docs_name_every_metric_and_kind_of_error_and_configure_prometheus(tmp_path: Path) -> None:
    shown = (ROOT / "docs/serve.md").read_text()
    assert not [name for name in (*BY_NAME, *ERRORS) if f"`{name}`" not in shown]
    (block,) = re.findall(r"```yaml\n(.*?)```", shown, re.DOTALL)
    (tmp_path / "prometheus.yml").write_text(block)
    promtool("check", "config", "--syntax-only", tmp_path / "prometheus.yml")


def test_alerts_and_panels_name_metrics_and_labels_of_the_list() -> None:
    for expr in [*(one.expr for one in METRICS), *(alert.expr for alert in ALERTS.values())]:
        for name, labels in re.findall(r"(recommit_\w+)(?:\{(\w+)=)?", expr):
            metric = BY_NAME.get(name) or BY_NAME[re.sub("_(bucket|count|sum)$", "", name)]
            assert not labels or labels in metric.labels, expr


@pytest.mark.parametrize("name", FILES)
def test_what_lies_here_is_what_is_made(name: str) -> None:
    assert (HERE / name).read_text() == FILES[name](), "make it anew: python -m recommit.serving.operate"


def test_an_operator_writes_them_into_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(tmp_path / "deploy")
    assert {path.name for path in (tmp_path / "deploy").iterdir()} == {*FILES}
    assert capsys.readouterr().out.split() == [str(tmp_path / "deploy" / name) for name in FILES]
