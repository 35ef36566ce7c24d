"""Each way in which a notebook can disagree with its stage is its own error, before the first cell runs."""

import re
from contextlib import chdir

import pytest

from recommit import Refusal
from recommit.notebook import params
from recommit.verbs.run import command
from tests.recommit.notebook.conftest import DVC, PARAMETERS, WORK, TinyProject


def refused(tiny: TinyProject, stage: str = "fit@tree") -> str:
    """What `recommit run` says; it must refuse with status 2 and must not have run a cell."""
    with chdir(tiny.folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_STAGE", stage)
        with pytest.raises(Refusal) as caught:
            command.main(["notebooks/fit.ipynb"], standalone_mode=False)
    assert caught.value.status == 2
    assert not (tiny.folder / "models").exists()
    return str(caught.value)


def test_a_refusal_is_told_without_a_traceback(tiny: TinyProject) -> None:
    tiny.notebook(WORK, tags=0)
    result = tiny.run()
    assert result.returncode == 2
    assert result.stderr.startswith("recommit: notebooks/fit.ipynb")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (PARAMETERS + "rounds: int = 3\n", "unknown parameter rounds"),
        ('model: str = "tree"\n', "missing parameter seed: dvc.yaml declares the parameter"),
        ('from recommit.notebook import params\nseed: int = params["seed"]\n', "missing parameter model"),
        (PARAMETERS.replace("seed: int", "seed: str"), "mistyped parameter seed: expected str"),
        (PARAMETERS.replace("seed: int", "seed: bool"), "mistyped parameter seed: expected bool"),
        (PARAMETERS.replace('"tree"', "3"), "mistyped parameter model: expected str, the cell's own default is 3"),
        (PARAMETERS.replace('params["seed"]', "8"), "default of seed is unlike params.yaml: 8 in the cell, 7 there"),
        (PARAMETERS.replace('"tree"', '"forest"'), "no item of the stage's matrix"),
        (PARAMETERS.replace('params["seed"]', 'params["as_of"]'), "a parameter keeps its name"),
        (PARAMETERS.replace("seed: int", "seed"), "seed has no type"),
        (PARAMETERS.replace("seed: int", "seed: Path"), "Path is no type of a parameter"),
        (PARAMETERS.replace('params["seed"]', "random()"), "expected a literal"),
        (PARAMETERS + "print(seed)\n", "expected `name: type = value`"),
        (PARAMETERS + "if seed\n", "is not Python"),
    ],
)
def test_a_parameters_cell_that_disagrees_is_refused(tiny: TinyProject, parameters: str, message: str) -> None:
    tiny.notebook(WORK, parameters=parameters)
    assert message in refused(tiny)


def test_no_tagged_cell_is_refused(tiny: TinyProject) -> None:
    tiny.notebook(WORK, tags=0)
    assert "no cell is tagged `parameters`" in refused(tiny)


def test_two_tagged_cells_are_refused_by_number(tiny: TinyProject) -> None:
    tiny.notebook(WORK, tags=2)
    assert "cells 1 and 2 are all tagged" in refused(tiny)


def test_an_unused_parameter_is_refused(tiny: TinyProject) -> None:
    tiny.notebook(WORK.replace("{seed}", "0"))
    assert "unused parameter seed" in refused(tiny)


def test_a_cell_that_sets_a_parameter_anew_is_refused(tiny: TinyProject) -> None:
    tiny.notebook(WORK, "seed = 8\nprint(seed)")
    assert "cell 3 sets the parameter seed anew" in refused(tiny)


def test_a_cell_that_reads_more_than_was_declared_is_refused(tiny: TinyProject) -> None:
    tiny.notebook(WORK, 'print(params["as_of"])')
    assert "cell 3 reads params: only the parameters cell does" in refused(tiny)


def test_an_item_of_a_matrix_needs_its_own_parameters_alone(tiny: TinyProject) -> None:
    tiny.write("params.yaml", "seed: 7\nmodels:\n  line: {penalty: 1.0}\n")
    tiny.write("dvc.yaml", DVC.replace("[seed]", '[seed, "models.${item.model}"]'))
    tiny.notebook(WORK, "print(models)", parameters=PARAMETERS + 'models: dict = params["models"]\n')
    assert tiny.run("fit@line").returncode == 0


def test_a_matrix_may_come_from_params_yaml(tiny: TinyProject) -> None:
    tiny.write("params.yaml", "seed: 7\nmodels: [tree, line]\n")
    tiny.write("dvc.yaml", DVC.replace("[tree, line]", '"${models}"'))
    assert tiny.run("fit@line").returncode == 0


def test_a_cell_that_is_not_python_is_refused_by_number(tiny: TinyProject) -> None:
    tiny.notebook(WORK, "for x in")
    assert "cell 3, line 1 is not Python" in refused(tiny)


def test_magics_do_not_count_as_broken(tiny: TinyProject) -> None:
    tiny.notebook("%matplotlib inline", "%%time\n" + WORK)
    assert tiny.run().returncode == 0


@pytest.mark.parametrize(
    "cell", ["files = !ls\n", "%%bash\necho hello\n", "rest = (\n    seed\n    % 3\n)\n", "len?\n"]
)
def test_what_jupyter_runs_is_not_called_broken(tiny: TinyProject, cell: str) -> None:
    tiny.notebook(WORK, cell)
    result = tiny.run()
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (PARAMETERS + "seed: int = 7\n", "sets seed a second time"),
    ],
)
def test_a_doubtful_default_is_refused(tiny: TinyProject, parameters: str, message: str) -> None:
    tiny.notebook(WORK, parameters=parameters)
    assert message in refused(tiny)


@pytest.mark.parametrize(
    ("key", "message"), [("a-b", "parameter a-b of params.yaml is no Python name"), ("class", "is no Python name")]
)
def test_a_key_that_is_no_name_is_refused(tiny: TinyProject, key: str, message: str) -> None:
    tiny.write("dvc.yaml", DVC.replace("[seed]", f"[seed, {key}]"))
    tiny.write("params.yaml", f"seed: 7\n{key}: 1\n")
    assert message in refused(tiny)


def test_a_key_that_is_no_text_is_refused(tiny: TinyProject) -> None:
    tiny.write("params.yaml", "seed: {1: a}\n")
    assert "key 1 in seed is not text: quote it" in refused(tiny)


def test_cells_without_ids_are_refused_by_number(tiny: TinyProject) -> None:
    text = tiny.read("notebooks/fit.ipynb")
    tiny.write("notebooks/fit.ipynb", re.sub(r'"id": "[^"]+",', "", text, count=1))
    assert "cells without an id (1) get a random one" in refused(tiny)


def test_a_key_that_params_yaml_lacks_is_refused(tiny: TinyProject) -> None:
    tiny.write("params.yaml", 'as_of: "2013-09-01"\n')
    assert "params.yaml has no seed, which stage fit@tree declares in dvc.yaml; it has as_of" in refused(tiny)


@pytest.mark.parametrize("name", ["password", "db_password", "api_key", "secret", "github_token", "private_key"])
def test_a_parameter_named_like_a_secret_is_refused_with_advice(tiny: TinyProject, name: str) -> None:
    tiny.write("dvc.yaml", DVC.replace("[seed]", f"[seed, {name}]"))
    tiny.write("params.yaml", f"seed: 7\n{name}: hunter2\n")
    tiny.notebook(WORK, f"print({name})", parameters=f'{PARAMETERS}{name}: str = params["{name}"]\n')
    said = refused(tiny)
    assert f"parameter {name} looks like a secret" in said
    assert "hunter2" not in said


def test_a_nested_secret_is_refused_too(tiny: TinyProject) -> None:
    tiny.write("dvc.yaml", DVC.replace("[seed]", "[seed, database]"))
    tiny.write("params.yaml", "seed: 7\ndatabase: {host: here, password: hunter2}\n")
    tiny.notebook(WORK, "print(database)", parameters=f'{PARAMETERS}database: dict = params["database"]\n')
    assert "parameter database.password looks like a secret" in refused(tiny)


def test_every_disagreement_is_said_at_once(tiny: TinyProject) -> None:
    tiny.notebook(WORK, parameters='seed: str = "x"\nrounds: int = 3\n')
    said = refused(tiny)
    assert "unknown parameter rounds" in said
    assert "missing parameter model" in said
    assert "mistyped parameter seed" in said


def test_a_literal_default_that_agrees_is_fine(tiny: TinyProject) -> None:
    tiny.notebook(WORK, parameters='seed: int = 7\nmodel: str = "line"\n')
    assert tiny.run().returncode == 0


def test_the_default_of_a_matrix_value_may_be_the_last_under_fits(tiny: TinyProject) -> None:
    values = (tiny.folder / "params.yaml").read_text()
    tiny.write("params.yaml", values + "fits: {model: [tree, line]}\n")
    tiny.notebook(WORK, parameters=PARAMETERS.replace('"tree"', 'params["model"]'))
    assert tiny.run().returncode == 0
    with chdir(tiny.folder):
        assert params["model"] == "line"
        with pytest.raises(KeyError, match=r"params.yaml has no colour, and fits in it lists none"):
            params["colour"]
        tiny.write("params.yaml", values)
        with pytest.raises(KeyError, match=r"params.yaml has no model"):
            params["model"]


def test_a_stage_that_does_not_exist_is_refused_with_those_that_do(tiny: TinyProject) -> None:
    result = tiny.command("recommit", "run", "notebooks/fit.ipynb", "--stage", "fit@bush")
    assert result.returncode == 2
    assert "dvc.yaml runs it as fit@tree, fit@line, not as fit@bush" in result.stderr


def test_a_matrix_stage_needs_a_name(tiny: TinyProject) -> None:
    result = tiny.command("recommit", "run", "notebooks/fit.ipynb")
    assert result.returncode == 2
    assert "name one with --stage: fit@tree, fit@line" in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "not a notebook"),
        ('{"cells": 3, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "not a notebook"),
        ("", "not a notebook"),
    ],
)
def test_a_broken_notebook_file_is_refused(tiny: TinyProject, text: str, message: str) -> None:
    tiny.write("notebooks/fit.ipynb", text)
    assert message in refused(tiny)


def test_a_missing_notebook_is_refused(tiny: TinyProject) -> None:
    (tiny.folder / "notebooks" / "fit.ipynb").unlink()
    assert "there is no such notebook" in refused(tiny)


def test_a_broken_params_file_is_refused(tiny: TinyProject) -> None:
    tiny.write("params.yaml", "seed: [1,\n")
    assert "params.yaml is not YAML" in refused(tiny)


def test_outside_a_project_the_command_says_so(tiny: TinyProject) -> None:
    (tiny.folder / "dvc.yaml").unlink()
    result = tiny.run()
    assert result.returncode != 0
    assert "go into" in result.stderr


def test_a_mistyped_secret_is_not_shown(tiny: TinyProject) -> None:
    tiny.write("dvc.yaml", DVC.replace("[seed]", "[seed, password]"))
    tiny.write("params.yaml", "seed: 7\npassword: hunter2\n")
    tiny.notebook(WORK, "print(password)", parameters=f'{PARAMETERS}password: int = params["password"]\n')
    assert "hunter2" not in refused(tiny)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("params: [seed]", "params: [seed, model]", "model is both a parameter and a matrix value"),
        (
            "params: [seed]",
            "params: [other.yaml: [seed]]",
            "takes params from other.yaml: params.yaml is the one place",
        ),
        ("    matrix: {model: [tree, line]}", "    foreach: [tree, line]", "uses foreach"),
        ("    params:", "    vars: [other.yaml]\n    params:", "uses vars"),
        ("[tree, line]", "[{a: 1}]", "expected plain values"),
        ("[tree, line]", "[tree, tree]", "two items of its matrix have one name, and DVC would run the last"),
        ("[tree, line]", '"${shrubs}"', "failed to parse 'stages.fit.matrix': Could not find 'shrubs'"),
        ("models/${item.model}.txt", "models/${item.model}.ipynb", "has 2 .ipynb outs, expected one"),
        ("notebooks/fit.ipynb\n    params", "notebooks/other.ipynb\n    params", "dvc.yaml has no stage whose cmd"),
    ],
)
def test_a_stage_that_cannot_be_read_is_refused_by_name(tiny: TinyProject, old: str, new: str, message: str) -> None:
    assert old in DVC
    tiny.write("params.yaml", "seed: 7\nmodel: tree\n")
    tiny.write("dvc.yaml", DVC.replace(old, new))
    assert message in refused(tiny)


def test_a_tree_without_its_kernel_is_refused(tiny: TinyProject) -> None:
    (tiny.folder / "src/recommit/notebook/kernels/recommit/kernel.json").unlink()
    result = tiny.run()
    assert result.returncode == 2
    assert "kernel.json is missing: it pins what makes results repeat" in result.stderr
    assert not [path for name in ("models", "reports") for path in (tiny.folder / name).rglob("*") if path.is_file()]
