"""Evidence as the stages of a small project could have written it."""

import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

from recommit.report.pages import write_report

ROOT = Path(__file__).parents[3]
DOCUMENTS = "src/flights/documents"
VERSION = {"version": 1}


def interval(value: float, width: float = 0.02) -> dict[str, float]:
    return {"value": value, "low": round(value - width, 6), "high": round(value + width, 6), "level": 0.95}


CANDIDATE, CHAMPION = "c4ca4238a0b923820dcc509a6f75849b", "c81e728d9d4c2f636f067f89cc14862c"
SCORES = ("auc", "average_precision", "log_loss", "brier", "calibration_error")


def _part(by: str, value: str, improvement: float) -> dict[str, Any]:
    measured = {"loss": interval(0.51), "gap": interval(0.003), "coverage": interval(0.9)}
    return {
        "by": by,
        "value": value,
        "rows": 2741,
        "mean": 0.2512,
        **measured,
        "improvement": interval(improvement),
    }


def _model(fit: str, md5: str, params: dict[str, Any]) -> dict[str, Any]:
    return {
        "fit": fit,
        "model": fit.split("-")[0],
        "features": fit.split("-")[1],
        "params": params,
        "task": {"kind": "binary", "outcomes": ["punctual", "late"], "threshold": 0.5},
        "as_of": "2013-09-01",
        "trained_rows": 195421,
        "trained_until": "2013-07-31 23:58:00+00:00",
        "parity": 2e-07,
        "md5": md5,
        "manifest": "eccbc87e4b5ce2fe28308fd9f2a7baf3",
    }


def evidence() -> dict[str, Any]:
    """Evidence by its file's name: of each kind that the report knows, and one that it does not."""
    models = {"candidate": 0.764, "uncalibrated": 0.764, "champion": 0.75, "logistic": 0.749, "baseline": 0.5}
    carriers = ("9E", "AA", "B6", "DL", "EV", "F9", "FL", "MQ", "UA", "US", "VX", "WN", "YV")
    fits = [("boosting-full", 0.0), ("logistic-full", 0.004), ("baseline-schedule", 0.12)]
    rules = [
        ("better than baseline", 0.052, "yes", "the lower bound is above the margin"),
        ("worst slice", -0.03, "no", "carrier x origin: MQ x LGA gains less than the bound allows"),
    ]
    return {
        "test": {
            "period": {
                "starts": "2013-08-01 00:00:00+00:00",
                "ends": "2013-09-01 00:00:00+00:00",
                "blocks": 31,
                "rows": 29187,
                "mean": 0.2613,
                "keys": "0" * 64,
            },
            "loss": "log_loss",
            "scale": {"loss": 1.0, "answer": 1.0, "loss_in": "nats", "answer_in": "probability"},
            "candidate": _model("boosting-full", CANDIDATE, {"max_iter": 200, "learning_rate": 0.1}),
            "champion": _model("baseline-schedule", CHAMPION, {}),
            "metrics": {
                model: {score: interval(value - place / 10) for place, score in enumerate(SCORES)}
                for model, value in models.items()
            },
            "differences": {
                "baseline": {score: interval(0.09) for score in ("auc", "log_loss", "brier")},
                "logistic": {score: interval(0.004, 0.006) for score in ("auc", "log_loss", "brier")},
                "champion": {score: interval(-0.03) for score in ("auc", "log_loss", "brier")},
            },
            "calibration": {"gap": interval(0.002), "error": interval(0.011)},
            "coverage": {
                "level": 0.9,
                "overall": interval(0.905),
                "of": {"punctual": interval(0.91), "late": interval(0.89)},
                "size": {"share that holds both outcomes": interval(0.45)},
            },
            "blocks": [],
        },
        "slices": {
            "slices": [_part("carrier", value, 0.05 - place / 200) for place, value in enumerate(carriers)]
            + [_part("origin", value, 0.04) for value in ("EWR", "JFK", "LGA")],
            "worst": _part("carrier x origin", "MQ x LGA", -0.03),
            "searched": 412,
        },
        "selection": {
            "metric": "log_loss",
            "rule": "the simplest fit within one standard error of the best",
            "table": [
                {
                    "fit": fit,
                    "mean": interval(0.48 + more),
                    "difference": interval(more, 0.003 if more else 0),
                    "standard_error": 0.002,
                    "chosen": fit == "boosting-full",
                }
                for fit, more in fits
            ],
            "best": "boosting-full",
            "chosen": "boosting-full",
            "periods": ["2013-05", "2013-06", "2013-07"],
            "used_until": "2013-07-31 23:58:00+00:00",
            "by_period": {},
        },
        "decision": {
            "answer": "no",
            "candidate": CANDIDATE,
            "manifest": "eccbc87e4b5ce2fe28308fd9f2a7baf3",
            "champion": CHAMPION,
            "rules": [
                {
                    "rule": rule,
                    "bound": 0.0,
                    "passes_when": "surely at least 0",
                    "answer": answer,
                    "reason": reason,
                    "accepted": [],
                    "open": [],
                    **{end: number for end, number in interval(value).items() if end != "level"},
                }
                for rule, value, answer, reason in rules
            ],
            "unused": [],
            "evidence": {"reports/evidence/test.json": "eccbc87e4b5ce2fe28308fd9f2a7baf3"},
        },
        "monitor": {
            "model_sha256": None,
            "clock": "2013-09-01",
            "reference_rows": 224428,
            "reference_days": 243,
            "watched_rows": 27490,
            "watched_days": 30,
            "logged": 0,
            "false_alarms": {"asked": 180.0, "found": None, "years": 200},
            **{name: [] for name in ("alerts", "lines", "features", "series", "weeks", "parts")},
            **dict.fromkeys(("joint", "promised", "came")),
        },
        "staleness": {
            "fit": "boosting-full",
            "period": "2013-07",
            "curve": [
                {
                    "periods_old": months,
                    "trained_from": f"2013-0{4 - months}-01",
                    "trained_until": f"2013-0{7 - months}-01",
                    "rows": 80_000,
                    "loss": interval(0.55 + months / 100),
                    "added_loss": interval(months / 100, 0.004 if months else 0),
                }
                for months in range(4)
            ],
            "candidate": {"trained_until": "2013-07-31T23:58:00+00:00", "age_days": 0.001},
        },
        "advice": {
            "boosting": {
                "used_until": "2013-07-31 23:58:00+00:00",
                "periods": ["2013-05", "2013-06"],
                "confirmed_in": "2013-07",
                "current": {"max_iter": 100},
                "best": {"max_iter": 200},
                "difference": interval(-0.004, 0.002),
                "confirmation": interval(-0.003, 0.006),
                "find": "unconfirmed",
                "adopt": "dvc exp run -S models.boosting.max_iter=200 select",
                "tried": [{"params": {"max_iter": 100}, "mean": interval(0.5), "difference": interval(0, 0)}],
            }
        },
        "importance": {
            "period": "2013-07",
            "rows": 29000,
            "repeats": 3,
            "leave_out_share": 0.1,
            "leave_out_times": 3,
            "luck": 0.007,
            "costs": [
                {
                    **{"name": "weather feed", "columns": 14, "permuted": interval(0.01), "left_out": interval(0.03)},
                    "need": "needed",
                }
            ],
            "features": [],
            "explained": {
                "key": "17",
                "base": -1.1,
                "answer": 0.9,
                "contributions": [{"feature": "hour", "value": "20", "moved": 0.7, "error": 0.01}],
                "others": {"features": 70, "moved": 0.2},
            },
        },
        "schema": {
            "rules": 74,
            "rows": {"flights": 222000, "weather": 17000, "planes": 3322, "airports": 1458, "airlines": 16},
            "broken": 0,
        },
        "leakage": {
            "checked": [{"kind": "strong_columns", "columns": 80, "pairs": 45}],
            "leaks": [],
            "strongest": [{"column": "x", "auc": interval(0.7)}],
            "shuffled": [],
        },
        "point_in_time": {"instants": ["2013-03-05 00:00"], "rows": 2000, "features": 80, "leaks": []},
        "parity": {
            **{"fit": "boosting-full", "md5": CANDIDATE, "same_again": True, "tolerance": 1e-5, "largest": 2e-7},
            **{"beyond": 0, "rows": 100, "compared": 100, "kinds": {}},
        },
        "quality": {
            **{
                "judged": "2013-08",
                "until": "2013-09-01T00:00:00+00:00",
                "checked": 30,
                "level": 0.95,
                "flags": [],
                "checks": [],
                "unjudged": {},
            },
            **{"volume": [], "label": [], "without_time": []},
        },
        "robustness": {
            **{"fit": "boosting-full", "md5": CANDIDATE, "period": "2013-07", "directions": [], "unread": []},
            **{"untouched": [], "missing": [], "tried": 9, "finite": True, "broken": []},
        },
        "features": {
            "question": "Will a flight be late?",
            "features": [
                {
                    "name": name,
                    "description": f"{name} of the flight",
                    "source": source,
                    "unit": "-",
                    "available": "months ahead, with the schedule",
                    "cost": "in the request",
                    "owner": "flights",
                    "kind": "number",
                }
                for name, source in (("carrier", "flights"), ("visibility", "weather"), ("distance", "flights"))
            ],
        },
        "tides": {"moon": "full", "highest": interval(0.3)},
    }


def files(**replaced: Any) -> dict[str, Any]:
    """The evidence, some of it replaced, by the files in which the stages keep it; None leaves a file out."""
    found = {name: content for name, content in (evidence() | replaced).items() if content is not None}
    made = {f"reports/advice/{model}.json": VERSION | one for model, one in found.pop("advice", {}).items()}
    found = {name: content if name == "tides" else VERSION | content for name, content in found.items()}
    if "monitor" in found:
        made["reports/monitor.json"] = found.pop("monitor")
    if "decision" in found:
        made["models/decision.json"] = found.pop("decision")
    return made | {f"reports/evidence/{name}.json": content for name, content in found.items()}


def project(
    folder: Path, documents: Path | None = ROOT / DOCUMENTS, deps: list[str] | None = None, **replaced: Any
) -> Path:
    """A project of nothing but evidence, some of it replaced, documents, and a report stage that depends on them."""
    declared = list(deps or [])
    for name, content in files(**replaced).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")
        declared.append(name)
    if documents:
        shutil.copytree(documents, folder / DOCUMENTS, dirs_exist_ok=True)
        declared.append(DOCUMENTS)
    params = {"as_of": "2013-09-01", "horizon_hours": 2, "sample": 1.0, "seed": 7, "split": {"folds": 3}}
    (folder / "params.yaml").write_text(json.dumps(params))
    report = {"cmd": "recommit report", "params": list(params), "deps": declared}
    (folder / "dvc.yaml").write_text(json.dumps({"stages": {"report": report}}))
    return folder


def shown(folder: Path) -> dict[str, str]:
    """The report's pages, made anew, by their path under reports/."""
    write_report(folder)
    made = [folder / "reports/index.html", *(folder / "reports/html").iterdir()]
    return {path.relative_to(folder / "reports").as_posix(): path.read_text(encoding="utf-8") for path in made}


def text(page: str) -> str:
    """What a page says, without its style and its tags, in one line."""
    body = re.sub(r"<style>.*?</style>|<span>(?=[0-9a-f]+</span>)", "", page, flags=re.DOTALL)  # a hash is one word
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())
