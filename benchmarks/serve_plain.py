"""The servers that people write first, of the same model: FastAPI with scikit-learn and pandas, and MLflow's.

They run in environments of their own, see benchmarks/serve.py, and know nothing of this project.

Example: python benchmarks/serve_plain.py fit model.json, then the same with fastapi model.json 8082, or with mlflow
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import skops.io


def fit(said: dict[str, Any], model: Path) -> None:
    """Fits boosted trees to the rows in the parquet file `table`, as `said`: columns, parameters, seed."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    numbers = [name for name, values in said["inputs"].items() if values is None]
    texts = {name: values for name, values in said["inputs"].items() if values is not None}
    ordinal = OrdinalEncoder(
        categories=[*texts.values()], dtype="float32", handle_unknown="use_encoded_value", unknown_value=-1
    )
    columns = ColumnTransformer([("numbers", "passthrough", numbers), ("texts", ordinal, [*texts])])
    boosting = HistGradientBoostingClassifier(random_state=said["seed"], early_stopping=False, **said["params"])
    train = pd.read_parquet(said["table"], columns=[*said["inputs"], said["target"]])
    skops.io.dump(make_pipeline(columns, boosting).fit(train[[*said["inputs"]]], train[said["target"]]), model)


def fastapi(said: dict[str, Any], model: Path, port: int) -> None:
    """POST /predict takes one row as an object, checked by pydantic, and answers {"probability": …}."""
    import uvicorn
    from fastapi import FastAPI
    from pydantic import create_model

    pipeline = skops.io.load(model, trusted=skops.io.get_untrusted_types(file=model))
    types = {name: (float | None if values is None else str, ...) for name, values in said["inputs"].items()}
    row_type: Any = create_model("Row", **types)  # type: ignore[call-overload]
    app = FastAPI()

    @app.post("/predict")
    async def predict(row: row_type) -> dict[str, float]:
        frame = pd.DataFrame([row.model_dump()])
        return {"probability": float(pipeline.predict_proba(frame)[0, 1])}

    uvicorn.run(app, port=port, access_log=False, log_level="warning")


def mlflow(model: Path, port: int) -> None:
    """POST /invocations of MLflow's scoring server, with one worker."""
    import mlflow.sklearn

    types = skops.io.get_untrusted_types(file=model)
    pipeline, saved = skops.io.load(model, trusted=types), model.parent / "saved"
    how: dict[str, Any] = {"serialization_format": "skops", "skops_trusted_types": types}
    mlflow.sklearn.save_model(pipeline, saved, pyfunc_predict_fn="predict_proba", **how)
    words = ("-m", str(saved), "--env-manager", "local", "--workers", "1", "--port", str(port))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it begins `uvicorn`
    subprocess.run(
        [sys.executable, "-m", "mlflow", "models", "serve", *words], env=os.environ | {"PATH": path}, check=True
    )


if __name__ == "__main__":
    what, path = sys.argv[1], Path(sys.argv[2])
    about, kept = json.loads(path.read_text()), path.with_suffix(".skops")
    if what == "fit":
        fit(about, kept)
    elif what == "fastapi":
        fastapi(about, kept, int(sys.argv[3]))
    else:
        mlflow(kept, int(sys.argv[3]))
