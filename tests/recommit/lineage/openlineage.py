"""What the published OpenLineage schema asks of a run event, as JSON Schema and as the project's own classes.

Written from https://openlineage.io/spec/2-0-2/OpenLineage.json and the facets' schemas beside it: no package that was
found ships the published files. `openlineage-python` has classes generated from them.
"""

from typing import Any

_URI = {"type": "string", "pattern": r"^[a-z][a-z0-9+.-]*:\S+$"}
_TEXT = {"type": "string"}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": required | optional}


def _facet(schema: str, required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    url = f"https://openlineage.io/spec/facets/{schema}.json#/$defs/{schema.partition('/')[2]}"
    return _object({"_producer": _URI, "_schemaURL": {"const": url}} | required, **optional) | {
        "additionalProperties": False
    }


def _facets(**known: Any) -> dict[str, Any]:
    base = _object({"_producer": _URI, "_schemaURL": _URI})
    return {"type": "object", "properties": known, "additionalProperties": base}


_DATASET = _object(
    {"namespace": _TEXT, "name": _TEXT},
    facets=_facets(version=_facet("1-0-1/DatasetVersionDatasetFacet", {"datasetVersion": _TEXT})),
) | {"additionalProperties": False}
_PARAMETER = _object({"key": _TEXT}, name=_TEXT, description=_TEXT, value=_TEXT) | {"additionalProperties": False}
_EMISSION = {"jobType": _TEXT}
RUN_EVENT = _object(
    {
        "eventTime": {
            "type": "string",
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
        },
        "producer": _URI,
        "schemaURL": {"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
        "run": _object(
            {"runId": {"type": "string", "format": "uuid"}},
            facets=_facets(
                executionParameters=_facet(
                    "1-0-0/ExecutionParametersRunFacet", {}, parameters={"type": "array", "items": _PARAMETER}
                )
            ),
        ),
        "job": _object(
            {"namespace": _TEXT, "name": _TEXT},
            facets=_facets(
                documentation=_facet("1-1-0/DocumentationJobFacet", {"description": _TEXT}, contentType=_TEXT),
                jobType=_facet("2-0-4/JobTypeJobFacet", {"processingType": _TEXT, "integration": _TEXT}, **_EMISSION),
                sourceCode=_facet("1-0-1/SourceCodeJobFacet", {"language": _TEXT, "sourceCode": _TEXT}),
            ),
        ),
    },
    eventType={"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
    inputs={"type": "array", "items": _DATASET},
    outputs={"type": "array", "items": _DATASET},
) | {"additionalProperties": False}


def as_its_classes_say(event: dict[str, Any]) -> dict[str, Any]:
    """The event built with the classes of openlineage-python, and written down again by them; a misfit raises."""
    from openlineage.client import event_v2, facet_v2
    from openlineage.client.serde import Serde

    kinds = {
        "executionParameters": facet_v2.execution_parameters_run.ExecutionParametersRunFacet,
        "documentation": facet_v2.documentation_job.DocumentationJobFacet,
        "jobType": facet_v2.job_type_job.JobTypeJobFacet,
        "sourceCode": facet_v2.source_code_job.SourceCodeJobFacet,
        "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet,
    }

    def facets(found: dict[str, Any]) -> dict[str, Any]:
        built = {}
        for name, facet in found.items():
            content = {key: value for key, value in facet.items() if not key.startswith("_")}
            own = facet_v2.RunFacet(producer=facet["_producer"]).with_additional_properties(**content)
            built[name] = kinds[name](producer=facet["_producer"], **content) if name in kinds else own
        return built

    def thing(kind: Any, found: dict[str, Any]) -> Any:
        return kind(**found | {"facets": facets(found["facets"])})

    built = event_v2.RunEvent(
        eventType=event_v2.RunState(event["eventType"]),
        eventTime=event["eventTime"],
        producer=event["producer"],
        run=thing(event_v2.Run, event["run"]),
        job=thing(event_v2.Job, event["job"]),
        inputs=[thing(event_v2.InputDataset, one) for one in event["inputs"]],
        outputs=[thing(event_v2.OutputDataset, one) for one in event["outputs"]],
    )
    written = Serde.to_dict(built)
    for one in (*written["inputs"], *written["outputs"]):  # optional, and empty
        for key in {"inputFacets", "outputFacets"} & one.keys():
            assert one.pop(key) == {}
    return written
