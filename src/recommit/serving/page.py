"""A page for people: what a row is, and a form that sends one. It loads nothing from elsewhere."""

import json
from importlib.resources import files
from typing import Any

import jinja2

from recommit.serving.predictor import Predictor


def page(predictor: Predictor, example: Any) -> str:
    """Returns the page, as HTML, for what is served; the form begins with `example`."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string((files("recommit.serving") / "page.html").read_text(encoding="utf-8"))
    scorer = predictor.scorer
    return template.render(
        problem=predictor.problem,
        scorer=scorer,
        fields=predictor.fields,
        outputs=predictor.output_names,
        example=json.dumps(example, indent=1, ensure_ascii=False),
    )
