"""The pipeline as a page: its picture with states, and beneath it what the stage that was clicked reads and makes."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from recommit.graph.boxes import Box
from recommit.graph.drawing import picture
from recommit.graph.states import MEANING, Standing, of_box
from recommit.graph.text import summary
from recommit.project.pipeline import is_in

_CODE = ("src/", "locks/")


def page(folder: Path, found: Sequence[Box], states: Mapping[str, Standing], beside: Path) -> str:
    """Return the page of the boxes `found` of the project in `folder`; `states` are by the stage's name.

    It needs no network and no script. Files that are there are linked, from the folder `beside` in which it lies.
    """
    said = {box.name: of_box(box, states) for box in found}
    shown = picture(found, 1240, {name: (standing.state, standing.said) for name, standing in said.items()})
    made = {out: box.name for box in found for stage in box.stages for out in stage.outs}
    read = [(dep, box.name) for box in found for stage in box.stages for dep in stage.deps]

    def entry(path: str, others: Sequence[tuple[str, str]], own: str) -> dict[str, Any]:
        near = [name for other, name in others if name != own and (is_in(path, other) or is_in(other, path))]
        there = (folder / path).exists()
        link = quote(os.path.relpath(folder / path, beside)) if there else ""
        return {"path": path, "link": link, "stages": list(dict.fromkeys(near))}

    def shown_of(box: Box) -> dict[str, Any]:
        deps = list(dict.fromkeys(dep for stage in box.stages for dep in stage.deps))
        outs = list(dict.fromkeys(out for stage in box.stages for out in stage.outs))
        return {
            **{"name": box.name, "label": box.label, "desc": box.desc, **vars(said[box.name])},
            "reads": [entry(dep, [*made.items()], box.name) for dep in deps if not dep.startswith(_CODE)],
            "code": [dep for dep in deps if dep.startswith(_CODE)],
            "params": list(dict.fromkeys(key for stage in box.stages for key in stage.params)),
            "makes": [entry(out, read, box.name) for out in outs],
            "parts": [(stage.name, states[stage.name].state) for stage in box.stages if len(box.stages) > 1],
        }

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("recommit.graph"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("graph.html").render(
        project=folder.name,
        picture=shown,
        summary=summary(states),
        meanings={state: text for state, text in MEANING.items() if state in {one.state for one in states.values()}},
        boxes=[shown_of(box) for box in found],
    )
