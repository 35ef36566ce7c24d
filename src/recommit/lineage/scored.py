"""The model behind a row of predictions: the one that the row names by hash or version, or that its stage was given."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from recommit import Refusal
from recommit.lineage.chain import touches
from recommit.lineage.rows import Row, hash_in
from recommit.lineage.snapshot import Snapshot
from recommit.lineage.versions import Version, files_by_version, version_of, versions_in
from recommit.registry.history import Registry
from recommit.registry.tags import CANDIDATE


def model_of(shot: Snapshot, row: Row, given: Sequence[str], registry: Registry | None) -> str | Version | None:
    """The path in the commit, or the registered version, of the model behind `row`; None where none is known.

    `given` are the paths of the data that the predicting stage read. Raises Refusal where the row names a model by its
    hash that is nowhere here.
    """
    texts = list(row.models.values())
    hashes = [found for text in texts if (found := hash_in(text))]
    known = files_by_version(registry) if registry else {}
    said = next(versions_in(registry, texts), None) if registry else None
    if said and (not hashes or _is_one_of(shot, known.get(said.number, {}), hashes)):
        return said
    words = f"the row names the model {hashes[0][:12]}{f' ({said.name})' if said else ''}, and" if hashes else ""
    get = "DVC's `fetch --all-tags` gets the files"
    if said and said.number in known:
        raise Refusal(f"{words} the tag of that version records another one, or one that is not here: {get}")
    models = _models(shot)
    if not hashes:
        return next((path for path in given if path in models), None)
    # Stages copy models: the one that the predicting stage was given is meant, or what is registered, if among them.
    likely = [list(given), _registered(shot)]
    for path in sorted(models, key=lambda path: [not any(touches(path, other) for other in one) for one in likely]):
        if any(_has(shot, _files(shot, path, models[path]), wanted) for wanted in hashes):
            return path
    if registry:
        for number, files in known.items():
            if _is_one_of(shot, files, hashes):
                return version_of(registry, number)
    raise Refusal(
        f"{words} neither commit {shot.sha[:10]} nor the tag of a registered version has it here: "
        f"`--rev` names the commit that predicted, {get}"
    )


def _is_one_of(shot: Snapshot, files: Mapping[str, str], hashes: Sequence[str]) -> bool:
    """Whether a version's model, by its files' hashes by their name, is one that the row names."""
    placed = {f"{CANDIDATE}/{name}": md5 for name, md5 in files.items()}
    return any(_has(shot, placed, wanted) for wanted in hashes)


def _registered(shot: Snapshot) -> list[str]:
    """The paths that dvc.yaml's `artifacts:` says models are at."""
    entries = (shot.pipeline.get("artifacts") or {}).values()
    return [str(entry["path"]) for entry in entries if isinstance(entry, Mapping) and "path" in entry]


def _models(shot: Snapshot) -> dict[str, str]:
    """The recorded files that are models and folders that hold one, path to hash; those that stages made first."""
    made = {path: md5 for path, (_, md5) in shot.made.items()}
    read = {dep.path: dep.md5 for stage in shot.locked for dep in stage.deps if dep.path not in made}
    recorded = (made | shot.added | read).items()
    return {path: md5 for path, md5 in recorded if any(_of_models(_files(shot, path, md5)))}


def _files(shot: Snapshot, path: str, md5: str) -> dict[str, str]:
    """What is known of a recorded file or folder: the files in it, and itself, path to hash."""
    inside = (shot.listing(path, md5) or {}) if md5.endswith(".dir") else {}
    return {path: md5} | {f"{path}/{name}": hashed for name, hashed in inside.items()}


def _of_models(files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((path, md5) for path, md5 in files.items() if path.endswith(".onnx"))


def _has(shot: Snapshot, files: Mapping[str, str], wanted: str) -> bool:
    """Whether a folder, or a model file, of `files` has a hash (MD5 or SHA-256) that begins with `wanted`."""
    models = list(_of_models(files))
    if any(md5.startswith(wanted) for _, md5 in [*models, *(one for one in files.items() if one[1].endswith(".dir"))]):
        return True
    contents = (shot.content(path, md5) for path, md5 in models)
    return any(hashlib.sha256(content).hexdigest().startswith(wanted) for content in contents if content)
