"""Writes the lineage as run events of OpenLineage (https://openlineage.io), with OpenLineage's own classes."""

from collections.abc import Iterator
from typing import Any

from openlineage.client import event_v2
from openlineage.client.facet_v2 import (
    RunFacet,
    dataset_version_dataset,
    documentation_job,
    execution_parameters_run,
    job_type_job,
    source_code_job,
)
from openlineage.client.serde import Serde

from recommit.lineage.chain import Step
from recommit.lineage.export import as_text, refuse_without_runs, run_id
from recommit.lineage.snapshot import Snapshot
from recommit.lineage.trace import Lineage

_PRODUCER = "urn:recommit:lineage"


def events(found: Lineage) -> Iterator[dict[str, Any]]:
    """Yield one COMPLETE event for each run of a stage, in an order in which they can have run.

    `eventTime` is the commit's date, because dvc.lock does not say when a stage ran. The version of a dataset is its
    hash in dvc.lock. The same commit gives the same events on every machine. Raises Refusal where no stage was run.
    """
    refuse_without_runs(found)
    if found.model and found.model.steps and found.model.shot.sha != found.shot.sha:
        yield from events(found.model)
    for step in found.steps:
        yield Serde.to_dict(_event(found.shot, step))


def _event(shot: Snapshot, step: Step) -> event_v2.RunEvent:
    name = str(shot.project_table.get("name", "project"))
    parameters = [
        execution_parameters_run.ExecutionParameter(key=key, value=as_text(value)) for key, value in step.params.items()
    ]
    run: dict[str, Any] = {
        "executionParameters": execution_parameters_run.ExecutionParametersRunFacet(
            parameters=parameters, producer=_PRODUCER
        ),
        "recommit_commit": RunFacet(producer=_PRODUCER).with_additional_properties(sha=shot.sha),
    }
    job: dict[str, Any] = {
        "documentation": documentation_job.DocumentationJobFacet(description=step.desc, producer=_PRODUCER),
        "jobType": job_type_job.JobTypeJobFacet(
            processingType="BATCH", integration="DVC", jobType="STAGE", producer=_PRODUCER
        ),
        "sourceCode": source_code_job.SourceCodeJobFacet(language="shell", sourceCode=step.cmd, producer=_PRODUCER),
    }
    read = [(name, item.path, f"md5:{item.md5}") for item in (*step.code, *step.data)]
    read += [("pypi", package.name, package.version) for package in step.packages]
    return event_v2.RunEvent(
        eventType=event_v2.RunState.COMPLETE,
        eventTime=shot.date,
        run=event_v2.Run(run_id(shot, step), facets=run),
        job=event_v2.Job(name, step.stage, facets=job),
        inputs=[event_v2.InputDataset(where, path, facets=_version(version)) for where, path, version in read],
        outputs=[event_v2.OutputDataset(name, out.path, facets=_version(f"md5:{out.md5}")) for out in step.outs],
        producer=_PRODUCER,
    )


def _version(version: str) -> dict[str, Any]:
    return {"version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version, producer=_PRODUCER)}
