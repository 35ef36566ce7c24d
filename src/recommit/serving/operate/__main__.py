"""Writes the alert rules and the dashboard: `python -m recommit.serving.operate FOLDER`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recommit.project.files import write_whole
from recommit.serving.metrics import METRICS, Alert, Metric

HERE = Path(__file__).parent
NOTE = "Made from recommit.serving.metrics by `python -m recommit.serving.operate`: do not edit it."
COLUMNS, WIDTH, HEIGHT = 3, 8, 7
"""Panels beside one another, and the size of one in Grafana's units."""


def rules() -> str:
    """Returns the alert rules, as Prometheus reads them."""
    alerts = [alert for metric in METRICS for alert in metric.alerts]
    return "\n".join([f"# {NOTE}", "groups:", "- name: recommit", "  rules:", *map("\n".join, map(_rule, alerts)), ""])


def annotations(alert: Alert) -> dict[str, str]:
    """Returns what a person who gets the alert reads."""
    return {"summary": f"Recommit: {alert.says}", "description": alert.do}


def _rule(alert: Alert) -> Iterator[str]:
    yield f"  - alert: {alert.name}"
    yield f"    expr: {json.dumps(alert.expr)}"
    yield f"    for: {alert.minutes}m"
    yield "    labels:"
    yield f"      severity: {alert.severity}"
    yield "    annotations:"
    for name, text in annotations(alert).items():
        yield f"      {name}: {json.dumps(text)}"


def dashboard() -> str:
    """Returns the dashboard, as Grafana imports it: a panel for each metric."""
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    said = {
        "title": "Recommit: the server",
        "description": NOTE,
        "uid": "recommit-serve",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [source]},
        "panels": [_panel(place, metric) for place, metric in enumerate(METRICS)],
    }
    return json.dumps(said, indent=1) + "\n"


def _panel(place: int, metric: Metric) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    row, column = divmod(place, COLUMNS)
    legend = " ".join(f"{{{{{label}}}}}" for label in metric.labels if label != "sha256")
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": metric.title,
        "description": metric.help,
        "datasource": source,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": metric.unit}, "overrides": []},
        "targets": [{"refId": "A", "datasource": source, "expr": metric.expr, "legendFormat": legend or metric.title}],
    }


FILES = {"alerts.yml": rules, "dashboard.json": dashboard}
"""What is written, by name."""


def main(folder: Path) -> None:
    """Writes the files into `folder`."""
    for name, made in FILES.items():
        write_whole(folder / name, made().encode())
        print(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
