"""The page on which `make lab` starts: the pipeline's notebooks in their order, in Markdown."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from recommit.graph.boxes import Box

_END = """
Cells run here change no result: `recommit repro` in a terminal (File, New, Terminal) does what changed again. What a
notebook showed in the pipeline's last run is in `reports/`. One line scores another model, or another feature set:

```python
from recommit.learning.trial import try_model

try_model("boosting", max_iter=120)
```"""


def start(folder: Path, found: Sequence[Box], beside: Path) -> Iterator[str]:
    """Yield the lines of the page on the boxes `found` of the project in `folder`; it lies in the folder `beside`."""
    yield f"# The notebooks of {folder.name}, in the order of the pipeline\n"
    for box in found:
        notebook = box.stages[0].notebook
        link = quote(os.path.relpath(folder / notebook, beside)) if notebook else ""
        pages = (f"reports/html/{stage.name.replace('@', '-')}.html" for stage in box.stages)
        page = next((page for page in pages if (folder / page).exists()), None)
        shown = f" ([in the report]({quote(os.path.relpath(folder / page, beside))}))" if page else ""
        yield f"1. {f'[{box.label}]({link})' if link else f'{box.label}, not a notebook'}: {box.desc}{shown}"
    yield _END
