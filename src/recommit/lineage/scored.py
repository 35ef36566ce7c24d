"""The model behind a row of predictions: the one that the row names by hash or version, or that its stage was given."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from recommit import Refusal
from recommit.lineage.chain import touches
from recommit.lineage.rows import Row, hash_in
from recommit.lineage.snapshot import Snapshot
from recommit.lineage.versions import Version, files_by_version, numbers_in, version_of
from recommit.registry.history import Registry
from recommit.registry.tags import CANDIDATE


def model_of(shot: Snapshot, row: Row, given: Sequence[str], registry: Registry | None) -> str | Version | None:
    """The path in the commit, or the registered version, of the model behind `row`; None where none is known.

    `given` are the paths of the data that the predicting stage read. Raises Refusal where the row names a model that is
    nowhere here.
    """
    texts = list(row.models.values())
    hashes = [found for text in texts if (found := hash_in(text))]
    numbers = numbers_in(registry, texts) if registry else []
    if hashes:
        return _by_hash(shot, hashes, numbers, given, registry)
    if registry and numbers:
        return version_of(registry, registry.full(numbers[0]))
    models = _models(shot)
    return next((path for path in given if path in models), None)


def _by_hash(
    shot: Snapshot, hashes: Sequence[str], numbers: Sequence[str], given: Sequence[str], registry: Registry | None
) -> str | Version:
    """The model with one of `hashes`: of the version that the row names, in the commit, or of any version."""
    known = files_by_version(registry) if registry else {}
    said = next((number for number in numbers if number in known), None)
    words = f"the row names the model {hashes[0][:12]}{f' ({said})' if said else ''}, and"
    get = "DVC's `fetch --all-tags` gets the files"
    if registry and said:
        if _is_one_of(shot, known[said], hashes):
            return version_of(registry, said)
        raise Refusal(f"{words} the tag of that version records another one, or one that is not here: {get}")
    models = _models(shot)
    # Stages copy models: the one that the predicting stage was given is meant, or what is registered, if among them.
    likely = [list(given), _registered(shot)]
    for path in sorted(models, key=lambda path: [not any(touches(path, other) for other in one) for one in likely]):
        if any(_has(shot, _files(shot, path, models[path]), wanted) for wanted in hashes):
            return path
    for number, files in known.items():
        if registry and _is_one_of(shot, files, hashes):
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
