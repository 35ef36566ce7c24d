"""Jupyter saves notebooks without outputs, so that looking at one leaves neither a Git nor a DVC change behind.

What a notebook showed when the pipeline ran it is kept in reports/, where DVC versions it.
"""


def without_noise(model, **_):
    """Drop outputs, counts and editor metadata from a notebook that is about to be saved; keep ids and tags."""
    if model["type"] != "notebook" or model["content"]["nbformat"] != 4:
        return
    notebook = model["content"]
    notebook["metadata"] = {key: value for key, value in notebook["metadata"].items() if key == "kernelspec"}
    for cell in notebook["cells"]:
        cell["metadata"] = {key: value for key, value in cell["metadata"].items() if key in ("tags", "jupyter")}
        if cell["cell_type"] == "code":
            cell["outputs"] = []
            cell["execution_count"] = None


c.FileContentsManager.pre_save_hook = without_noise  # noqa: F821 - Jupyter gives a configuration file its `c`
