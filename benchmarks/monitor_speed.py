"""Compare two tables of features, by Recommit or, where its interpreter has it, by Evidently, and say the seconds."""

import json
import sys
import time
from importlib.util import find_spec


def evidently(old: str, new: str) -> dict[str, object]:
    import evidently as library
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    tables = [pd.read_parquet(path) for path in (old, new)]
    tables = [table.drop(columns=list(table.select_dtypes(include=["datetime", "datetimetz"]))) for table in tables]
    begun, used = time.perf_counter(), time.process_time()
    numbers = list(tables[0].select_dtypes("number"))
    texts = [name for name in tables[0] if name not in numbers]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=texts)
    then, now = (Dataset.from_pandas(table, data_definition=definition) for table in tables)
    Report([DataDriftPreset()]).run(now, then)
    return {
        "library": f"Evidently {library.__version__}",
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": time.process_time() - used,
    }


def recommit(old: str, new: str) -> dict[str, object]:
    from pathlib import Path

    from recommit.monitoring import series
    from recommit.monitoring.bins import MOST_ROWS, kinds_of
    from recommit.monitoring.counted import counted
    from recommit.monitoring.tables import Features

    then, now = (Features(Path(path), "predicted_at", "UTC") for path in (old, new))
    types = then.schema
    kinds = kinds_of(types, [name for name in types if name != "predicted_at"])
    then.sample([*kinds], 1000, 1)  # libraries are loaded
    begun, used = time.perf_counter(), time.process_time()
    sample = then.sample([*kinds], MOST_ROWS, 1)
    found = counted(sample, kinds, then.parts([*kinds]), now.parts([*kinds]))
    worth = series.worths(found.bins.names, None)
    chart = series.of_profile("input", found.profile, found.bins.names, worth, volume=True)
    limit = series.limits([chart], 0.5, 180, 200, 1)["input"]
    series.alerts(chart, limit, 0.5)
    return {"library": "Recommit", "seconds": time.perf_counter() - begun, "cpu_seconds": time.process_time() - used}


if __name__ == "__main__":
    old, new, said = sys.argv[1:]
    compare = evidently if find_spec("evidently") else recommit
    with open(said, "w", encoding="utf-8") as file:
        json.dump(compare(old, new), file)
