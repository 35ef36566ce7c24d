"""The entities of a Provenance Run Crate: workflow, steps, runs, parameters and data, linked as the profile says."""

import json
import mimetypes
import posixpath
import shlex
import tomllib
import uuid
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from recommit.lineage.chain import Item, Step
from recommit.lineage.events import project_name, run_id
from recommit.lineage.trace import Lineage

METADATA = "ro-crate-metadata.json"
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
# Of the profile's own context the two terms that are used here; RO-Crate 1.1 knows the others.
_TERMS = {name: f"https://w3id.org/ro/terms/workflow-run#{name}" for name in ("md5", "sha256")}
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", _TERMS]
PIPELINE = ("dvc.yaml", "dvc.lock", "params.yaml", "pyproject.toml", "locks/run.txt")


class Graph:
    """The entities of the crate, each once."""

    def __init__(self, found: Lineage, contents: dict[str, bytes]) -> None:
        self.found = found
        self.shot = found.shot
        self.contents = contents
        # Names a commit's files wherever they are kept: https://www.ietf.org/archive/id/draft-soilandreyes-arcp-03.html
        self.base = f"arcp://uuid,{uuid.uuid5(uuid.NAMESPACE_URL, f'urn:recommit:{self.shot.sha}')}/"
        self.families = list(dict.fromkeys(step.family for step in found.steps))
        # A stage that was not run again may have seen another value of the same parameter.
        given = dict.fromkeys((key, _as_text(v)) for step in found.steps for key, v in step.params.items())
        seen: dict[str, int] = {}
        self.values: dict[tuple[str, str], str] = {}
        for key, value in sorted(given):
            seen[key] = seen.get(key, 0) + 1
            self.values[key, value] = f"#value/{quote(key)}" + (f"/{seen[key]}" if seen[key] > 1 else "")
        self.kinds = {key: _additional_type(v) for step in found.steps for key, v in step.params.items()}
        self.recorded = {item.path: item for step in found.steps for item in (*step.inputs, *step.outs)}

    def entities(self) -> Iterator[dict[str, Any]]:
        """All of them: descriptor, root, profiles, workflow, steps, tools, runs, parameters, data."""
        data = list(self._data())
        yield {
            "@id": METADATA,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [
                {"@id": "https://w3id.org/ro/crate/1.1"},
                {"@id": "https://w3id.org/workflowhub/workflow-ro-crate/1.0"},
            ],
        }
        yield self._root(data)
        for uri, name in sorted(_PROFILES.items()):
            yield {"@id": uri, "@type": "CreativeWork", "name": name, "version": uri.rpartition("/")[2]}
        yield {"@id": "#author", "@type": "Person", "name": self.shot.author}
        yield {"@id": "#dvc", "@type": "SoftwareApplication", "name": "DVC", "url": "https://dvc.org"} | self._version()
        yield {"@id": "#dvc.yaml", "@type": "ComputerLanguage", "name": "DVC pipeline", "url": {"@id": _DVC_YAML}}
        yield from self._runs()
        yield from self._parameters()
        yield from data

    def _version(self) -> dict[str, str]:
        pins = [line for line in self.shot.text("locks/run.txt").splitlines() if line.startswith("dvc==")]
        return {"softwareVersion": pins[0].split()[0].removeprefix("dvc==")} if pins else {}

    def _root(self, data: list[dict[str, Any]]) -> dict[str, Any]:
        thing = self.found.thing
        try:
            project = tomllib.loads(self.shot.text("pyproject.toml")).get("project", {})
        except tomllib.TOMLDecodeError:
            project = {}
        stated = project.get("license")
        stated = stated if isinstance(stated, str) else (stated or {}).get("text")
        return {
            "@id": "./",
            "@type": "Dataset",
            "name": f"{project_name(self.shot)}: what {thing.name} comes of",
            "description": f"{len(self.found.steps)} runs of stages, up to {thing.path}, in commit {self.shot.sha}",
            "datePublished": self.shot.date,
            "license": stated or "No licence is stated in the project",
            "identifier": f"git:{self.shot.sha}",
            "conformsTo": [{"@id": uri} for uri in sorted(_PROFILES)],
            "mainEntity": {"@id": "dvc.yaml"},
            "author": {"@id": "#author"},
            "mentions": _some(
                {"@id": name} for name in ["#run", *(_run(step) for step in self.found.steps), "#engine-run"]
            ),
            "hasPart": [{"@id": entity["@id"]} for entity in data],
        }

    def _tool(self, step: Step) -> str:
        """What carries a stage out: its notebook, if it has one here, else its command."""
        try:
            words = shlex.split(step.cmd)
        except ValueError:
            words = step.cmd.split()
        names = [posixpath.normpath(word) for word in words if word.endswith((".ipynb", ".py"))]
        found = next((name for name in names if name in self.contents), None)
        return quote(found) if found else f"#tool/{quote(step.family)}"

    def _runs(self) -> Iterator[dict[str, Any]]:
        steps = self.found.steps
        when = {"endTime": self.shot.date, "agent": {"@id": "#author"}}
        made = {out.path for step in steps for out in step.outs}
        raw = {item.path for step in steps for item in step.inputs if item.path not in made}
        for position, family in enumerate(self.families, 1):
            step = next(step for step in steps if step.family == family)
            tool = {"@id": self._tool(step)}
            about = {"name": family, "description": step.desc or family}
            yield {
                "@id": f"#step/{quote(family)}",
                "@type": "HowToStep",
                **about,
                "position": position,
                "workExample": tool,
            }
            if tool["@id"].startswith("#"):
                yield {
                    "@id": tool["@id"],
                    "@type": "SoftwareApplication",
                    "name": step.cmd,
                    "description": about["description"],
                }
        for step in steps:
            yield {
                "@id": _run(step),
                "@type": "CreateAction",
                "name": f"{step.stage}: {step.cmd}",
                "description": step.desc or step.stage,
                "identifier": run_id(self.shot, step.stage),
                "instrument": {"@id": self._tool(step)},
                "object": _some([*self._refer(item.path for item in step.inputs), *self._given(step)]),
                "result": _some(self._refer(item.path for item in step.outs)),
                **when,
            }
            yield {
                "@id": f"#control/{quote(step.stage)}",
                "@type": "ControlAction",
                "name": f"DVC runs {step.stage}",
                "instrument": {"@id": f"#step/{quote(step.family)}"},
                "object": {"@id": _run(step)},
            }
        yield {
            "@id": "#run",
            "@type": "CreateAction",
            "name": f"the pipeline of commit {self.shot.sha[:10]}",
            "description": f"The stages that {self.found.thing.path} comes of, each as dvc.lock records it",
            "instrument": {"@id": "dvc.yaml"},
            "object": _some([*self._refer(sorted(raw)), *({"@id": name} for name in self.values.values())]),
            "result": _some(self._refer([path for path in made if path == self.found.thing.path] or sorted(made))),
            **when,
        }
        yield {
            "@id": "#engine-run",
            "@type": "OrganizeAction",
            "name": "dvc repro",
            "instrument": {"@id": "#dvc"},
            "object": _some({"@id": f"#control/{quote(step.stage)}"} for step in steps),
            "result": {"@id": "#run"},
            **when,
        }

    def _given(self, step: Step) -> list[dict[str, str]]:
        packages = [{"@id": _package_id(package.name, package.version)} for package in step.packages]
        return packages + [{"@id": self.values[key, _as_text(value)]} for key, value in step.params.items()]

    def _parameters(self) -> Iterator[dict[str, Any]]:
        for key in sorted({key for key, _ in self.values}):
            own = {value: name for (other, value), name in self.values.items() if other == key}
            yield {
                "@id": f"#parameter/{quote(key)}",
                "@type": "FormalParameter",
                "name": key,
                "additionalType": self.kinds[key],
                "workExample": _some({"@id": name} for name in own.values()),
                "conformsTo": {"@id": "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"},
            }
            for value, name in own.items():
                about = {"@id": name, "@type": "PropertyValue", "name": key, "value": value}
                yield about | {"exampleOfWork": {"@id": f"#parameter/{quote(key)}"}}

    def _data(self) -> Iterator[dict[str, Any]]:
        """The files and folders, those in the crate by path, others by an identifier; and the packages."""
        tools = {self._tool(step): step for step in self.found.steps}
        keys = sorted({key for step in self.found.steps for key in step.params})
        for path in sorted({*self.recorded, *(name for name in PIPELINE if name in self.contents)}):
            entity = self._entity(path)
            if path == "dvc.yaml":
                entity |= {
                    "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
                    "programmingLanguage": {"@id": "#dvc.yaml"},
                    "version": self.shot.sha,
                    "conformsTo": {"@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"},
                    "hasPart": _some({"@id": tool} for tool in tools),
                    "step": _some({"@id": f"#step/{quote(family)}"} for family in self.families),
                    **_inputs(keys),
                }
            elif entity["@id"] in tools:
                own = sorted({k for step in self.found.steps if self._tool(step) == entity["@id"] for k in step.params})
                entity |= {
                    "@type": ["File", "SoftwareSourceCode"],
                    "version": self.shot.sha,
                    **_inputs(own),
                }
            yield entity
        for package in sorted({package for step in self.found.steps for package in step.packages}, key=str):
            yield {
                "@id": _package_id(package.name, package.version),
                "@type": "Dataset",
                "name": f"{package.name} {package.version}",
                "description": "The package that the raw data was read from, pinned in locks/run.txt",
                "version": package.version,
                "sha256": package.sha256[0] if len(package.sha256) == 1 else list(package.sha256),
            }

    def _entity(self, path: str) -> dict[str, Any]:
        item = self.recorded.get(path)
        folder = (item.md5.endswith(".dir") if item else False) and path not in self.contents
        entity: dict[str, Any] = {"@id": self._id(path), "@type": "Dataset" if folder else "File", "name": path}
        if item:
            entity["md5"] = item.md5
        if path in self.contents:
            entity["contentSize"] = str(len(self.contents[path]))
        elif item and item.kept == "outside":
            entity["description"] = "Outside the project: not read"
        elif not self._is_here(path):
            entity["description"] = "Kept by DVC, by its hash; `dvc pull` at the commit gets it"
        if not folder:
            kind = _TYPES.get(posixpath.splitext(path)[1]) or mimetypes.types_map.get(posixpath.splitext(path)[1])
            entity |= {"encodingFormat": kind} if kind else {}
        return entity

    def _is_here(self, path: str) -> bool:
        return path in self.contents or any(name.startswith(f"{path}/") for name in self.contents)

    def _id(self, path: str) -> str:
        item: Item | None = self.recorded.get(path)
        end = "/" if item and item.md5.endswith(".dir") and path not in self.contents else ""
        # A path that leads out of the project stays one part of the identifier: no reader walks up with it.
        safe = "" if item and item.kept == "outside" else "/"
        return f"{'' if self._is_here(path) else self.base}{quote(path, safe=safe)}{end}"

    def _refer(self, paths: Iterable[str]) -> list[dict[str, str]]:
        return [{"@id": self._id(path)} for path in paths]


_DVC_YAML = "https://dvc.org/doc/user-guide/project-structure/dvcyaml-files"
_TYPES = {
    ".ipynb": "application/x-ipynb+json",
    ".parquet": "application/vnd.apache.parquet",
    ".onnx": "application/octet-stream",
    ".yaml": "application/yaml",
    ".lock": "application/yaml",
    ".toml": "application/toml",
    ".py": "text/x-python",
    ".csv": "text/csv",
    ".json": "application/json",
    ".png": "image/png",
    ".html": "text/html",
    ".txt": "text/plain",
}


def _package_id(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version}"


def _run(step: Step) -> str:
    return f"#run/{quote(step.stage)}"


def _some(references: Iterable[dict[str, str]]) -> dict[str, str] | list[dict[str, str]]:
    """References as JSON-LD has them: one stands by itself."""
    listed = list(references)
    return listed[0] if len(listed) == 1 else listed


def _inputs(keys: list[str]) -> dict[str, Any]:
    return {"input": _some({"@id": f"#parameter/{quote(key)}"} for key in keys)} if keys else {}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _additional_type(value: Any) -> str:
    """The schema.org type of a parameter's value; a list or mapping is written down as text."""
    kinds = ((bool, "Boolean"), (int, "Integer"), (float, "Float"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "Text")
