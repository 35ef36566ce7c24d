"""The pipeline's work as one plain script, no notebooks and no DVC: what its overhead is measured against.

Example, from the project's folder: python benchmarks/plain.py /tmp/plain
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from sklearn.pipeline import Pipeline

from flights import catalogue, features, models, schema, sources
from flights import figures as looks
from recommit.artifact.export import export
from recommit.artifact.model import Model
from recommit.figures import axes
from recommit.learning import figures, scores, selection, splits
from recommit.learning.crossval import cross_validate
from recommit.notebook.project import read_yaml, root, stages

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Folder:
    """Where the outs go, by the names that dvc.yaml gives them."""

    folder: Path

    def path(self, name: str) -> Path:
        """A file to write, in a folder that is there."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        return self.folder / name

    def tables(self, under: str, tables: Tables) -> None:
        """Write each table as parquet."""
        for name, table in tables.items():
            table.to_parquet(self.path(f"{under}/{name}.parquet"), index=False)

    def json(self, name: str, content: object) -> None:
        """Write an object as the stages do."""
        self.path(name).write_text(json.dumps(content, indent=1) + "\n")

    def figure(self, name: str, ax: Axes) -> None:
        """Write the axes' figure as PNG, and close it."""
        figure = ax.get_figure(root=True)
        assert figure is not None
        figure.savefig(self.path(f"reports/figures/{name}.png"), metadata={"Software": None})
        plt.close(figure)


def main(out: Folder) -> None:
    project = root()
    params = read_yaml(project / "params.yaml")
    fits = [dict(stage.item) for stage in stages(project) if stage.notebook == "notebooks/train.ipynb"]
    raw = ingest(params, out)
    explore(raw, params, out)
    validate(raw, params, out)
    parts = make_features(raw, params, out)
    for fit in fits:
        train(parts["train"], params, out, **fit)
    candidate = select(params, out)
    evaluate(parts["test"], candidate, out)
    predict(parts["upcoming"], candidate, out)


def ingest(params: dict, out: Folder) -> Tables:
    tables, findings = sources.tidy(sources.read_package())
    sources.require_span(tables, splits.month_before(params["as_of"]), splits.month_after(params["as_of"]))
    tables = sources.until(tables, splits.month_after(params["as_of"]))
    tables = sources.sample(tables, params["sample"], params["seed"])
    out.tables("data/raw", tables)
    known = sources.as_known_at(tables, splits.clock(params["as_of"]))
    print(findings, sources.monthly(known), sep="\n")
    return tables


def explore(raw: Tables, params: dict, out: Folder) -> None:
    flights = raw["flights"][raw["flights"]["label_known_at"] < splits.month_before(params["as_of"])]
    out.figure("late-by-month", looks.late_by_month(flights))
    out.figure("late-by-hour", looks.late_by_hour(flights))
    out.figure("late-by-carrier", looks.late_by_carrier(flights, raw["airlines"]))
    out.figure("late-by-visibility", looks.late_by_visibility(flights, raw["weather"]))
    out.figure("late-by-day", looks.late_by_day(flights))


def validate(raw: Tables, params: dict, out: Folder) -> None:
    broken = schema.check(raw, share=params["sample"], clock=splits.clock(params["as_of"]))
    schema.stop_on_failure(broken)
    rows = {name: len(table) for name, table in raw.items()}
    out.json("data/raw/checked.json", {"rows": rows, "broken": len(broken)})


def make_features(raw: Tables, params: dict, out: Folder) -> Tables:
    clock, horizon = splits.clock(params["as_of"]), params["horizon_hours"]
    known = sources.as_known_at(raw, clock)
    past = known["flights"][known["flights"]["label_known_at"] < clock]
    split = splits.last_month(features.labelled(features.build(known, past, horizon), past), params["as_of"])
    ahead = raw["flights"][raw["flights"]["scheduled_departure"] >= clock]
    upcoming = features.upcoming(features.build(raw, ahead, horizon), ahead)
    parts = {"train": split.train, "test": split.test, "upcoming": upcoming}
    schema.check_features(parts)
    out.tables("data/features", parts)
    return parts


def train(table: pd.DataFrame, params: dict, out: Folder, model: str, features: str) -> None:
    columns = catalogue.names(features)
    table = table[["predicted_at", "label_known_at", "late", *columns]]

    def build() -> Pipeline:
        return models.build(model, params["models"][model], columns, params["seed"])

    folds = splits.folds(table, params["as_of"], params["split"]["folds"])
    scored = cross_validate(build, folds, columns, "late")
    fitted = build().fit(table[columns], table["late"])
    fit = f"{model}-{features}"
    out.path(f"models/fits/{fit}.onnx").write_bytes(export(fitted, table[columns]))
    scored.to_csv(out.path(f"reports/folds/{fit}.csv"), index=False)
    out.json(f"reports/metrics/train/{fit}.json", scored[["log_loss", "auc"]].mean().round(6).to_dict())


def select(params: dict, out: Folder) -> Model:
    metric = params["selection"]["metric"]
    folds = selection.read_folds(out.path("reports/folds"), params["fits"]["model"], params["fits"]["features"])
    best = selection.rank(folds, metric).iloc[0]
    content = out.path(f"models/fits/{best['fit']}.onnx").read_bytes()
    out.path("models/candidate/model.onnx").write_bytes(content)
    out.json("models/candidate/choice.json", {name: best[name] for name in ("fit", "model", "features")})
    folds.round(6).to_csv(out.path("reports/plots/folds.csv"), index=False)
    out.figure("folds", figures.folds(folds, metric))
    return Model(content)


def evaluate(test: pd.DataFrame, candidate: Model, out: Folder) -> None:
    baseline = Model.load(out.path("models/fits/baseline-schedule.onnx"))
    late, probability = test["late"].to_numpy(), candidate.predict_proba(test)
    results = {
        "candidate": scores.scores(late, probability),
        "baseline": scores.scores(late, baseline.predict_proba(test)),
    }
    bins = scores.calibration(late, probability, bins=20)
    points = figures.roc_points(late, probability)
    out.figure("distribution", figures.distribution(probability, late, "late"))
    out.figure("calibration", figures.calibration(bins, "late"))
    out.figure("roc", figures.roc(points, results["candidate"]["auc"], "late"))
    bins.round(6).to_csv(out.path("reports/plots/calibration.csv"), index=False)
    points.to_csv(out.path("reports/plots/roc.csv"), index=False)
    rounded = {name: {key: round(value, 6) for key, value in row.items()} for name, row in results.items()}
    out.json("reports/metrics/test.json", rounded)


def predict(upcoming: pd.DataFrame, candidate: Model, out: Folder) -> None:
    asked = upcoming[["flight_id", "scheduled_departure", "predicted_at"]]
    predictions = asked.assign(probability=candidate.predict_proba(upcoming))
    daily = predictions.groupby(predictions["scheduled_departure"].dt.date)["probability"].mean()
    ax = axes("How late each day is expected to be", "day of departure, UTC", "mean probability of late", height=3.0)
    ax.plot(daily)
    out.figure("daily", ax)
    out.tables("data/predictions", {"upcoming": predictions})


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python benchmarks/plain.py FOLDER (an empty one, for the outs)")
    pins = json.loads((root() / "install/kernels/recommit/kernel.json").read_text())["env"]
    if not pins.items() <= os.environ.items():  # they are read when Python and numpy start
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | pins)
    plt.switch_backend("agg")
    main(Folder(Path(sys.argv[1])))
