"""The lineage as OpenLineage run events: https://openlineage.io/spec/2-0-2/OpenLineage.json."""

import json
import tomllib
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from recommit import Refusal
from recommit.lineage.chain import Item, Step
from recommit.lineage.packages import Package
from recommit.lineage.snapshot import Snapshot
from recommit.lineage.trace import Lineage

_PRODUCER = "urn:recommit:lineage"
_SPEC = "https://openlineage.io/spec"


def events(found: Lineage) -> Iterator[dict[str, Any]]:
    """One COMPLETE event for each run of a stage in the chain, in an order in which they can have run.

    `eventTime` is the commit's: dvc.lock does not say when a stage ran. Run identifiers are made of commit and stage,
    so that the same commit gives the same events everywhere. A dataset's version is the hash that DVC knows it by.
    """
    if not found.steps and not (found.model and found.model.steps):
        raise Refusal(f"no stage made {found.thing.path}: there is no run to tell of")
    if found.model and found.model.shot.sha != found.shot.sha:
        yield from events(found.model)
    for step in found.steps:
        yield _event(found.shot, step)


def project_name(shot: Snapshot) -> str:
    """What the commit's pyproject.toml calls the project, or `project`."""
    try:
        return str(tomllib.loads(shot.text("pyproject.toml"))["project"]["name"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        return "project"


def run_id(shot: Snapshot, stage: str) -> str:
    """The identifier of a stage's run that the commit records."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:recommit:{shot.sha}:{stage}"))


def _event(shot: Snapshot, step: Step) -> dict[str, Any]:
    name = project_name(shot)
    parameters = [{"key": key, "value": _text(value)} for key, value in step.params.items()]
    return {
        "eventType": "COMPLETE",
        "eventTime": shot.date,
        "producer": _PRODUCER,
        "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {
            "runId": run_id(shot, step.stage),
            "facets": {
                "executionParameters": _facet("1-0-0/ExecutionParametersRunFacet", {"parameters": parameters}),
                "recommit_commit": {"_producer": _PRODUCER, "_schemaURL": _SCHEMA_OF_COMMIT, "sha": shot.sha},
            },
        },
        "job": {
            "namespace": name,
            "name": step.stage,
            "facets": {
                "documentation": _facet("1-1-0/DocumentationJobFacet", {"description": step.desc}),
                "jobType": _facet(
                    "2-0-4/JobTypeJobFacet", {"processingType": "BATCH", "integration": "DVC", "jobType": "STAGE"}
                ),
                "sourceCode": _facet("1-0-1/SourceCodeJobFacet", {"language": "shell", "sourceCode": step.cmd}),
            },
        },
        "inputs": [*(_dataset(name, item) for item in step.inputs), *map(_package, step.packages)],
        "outputs": [_dataset(name, item) for item in step.outs],
    }


# A facet of our own is any object beneath a prefixed key; its schema is the base facet's.
_SCHEMA_OF_COMMIT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunFacet"


def _dataset(namespace: str, item: Item) -> dict[str, Any]:
    version = _facet("1-0-1/DatasetVersionDatasetFacet", {"datasetVersion": f"md5:{item.md5}"})
    return {"namespace": namespace, "name": item.path, "facets": {"version": version}}


def _package(package: Package) -> dict[str, Any]:
    version = _facet("1-0-1/DatasetVersionDatasetFacet", {"datasetVersion": package.version})
    return {"namespace": "pypi", "name": package.name, "facets": {"version": version}}


def _facet(schema: str, content: Mapping[str, Any]) -> dict[str, Any]:
    url = f"{_SPEC}/facets/{schema}.json#/$defs/{schema.partition('/')[2]}"
    return {"_producer": _PRODUCER, "_schemaURL": url, **content}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
