"""What stages there are is DVC's to say: over a zoo of dvc.yaml forms, ours are DVC's own, or the form is refused."""

import json
import posixpath
import shutil
from pathlib import Path
from typing import Any

import pytest
from dvc.dependency import ParamsDependency
from dvc.exceptions import DvcException
from dvc.repo import Repo

from recommit import Refusal
from recommit.check.declared import Declared
from recommit.check.findings import check
from recommit.project.dvc import dvc_config
from recommit.project.dvcyaml import alone, templates
from recommit.project.pipeline import stages
from recommit.project.yaml import read_params

PARAMS = """\
seed: 7
rate: 1e-3
whole: 1.0
nothing: null
flag: true
day: "2013-09-01"
names: [tree, line]
flags: [true, false]
deep: {list: [tree, line], models: {tree: {depth: 3, flat: true}, line: {depth: 1, flat: false}}}
options: {depth: 3, flat: true, names: [a, b c]}
"""
RUN = "cmd: recommit run notebooks/fit.ipynb"
ZOO = {
    "plain": f"{RUN}\nparams: [seed]\ndeps: [notebooks/fit.ipynb, ./src/, data]\nouts: [a.txt, b/]",
    "flags": f"{RUN}\nouts: [{{a.txt: {{persist: true, cache: false}}}}, b.txt]\nmetrics: [m.json: {{cache: false}}]",
    "plots": f"{RUN}\nplots: [{{p.csv: {{x: a, y: b}}}}, q.png]",
    "frozen": f"{RUN}\nfrozen: true\nalways_changed: true\nmeta: {{since: 2013-09-01}}\nouts: [a]",
    "matrix": f"{RUN}\nmatrix: {{m: [tree, line], n: [1, 2]}}\nouts: ['${{item.m}}-${{item.n}}.txt']",
    "matrix from params": f"{RUN}\nmatrix: {{m: '${{names}}'}}\nouts: ['${{item.m}}.txt']",
    "deep matrix from params": f"{RUN}\nmatrix: {{m: '${{deep.list}}'}}\nparams: ['deep.models.${{item.m}}']",
    "a mapping's keys": f"{RUN}\nmatrix: {{m: '${{deep.models}}'}}\nouts: ['${{item.m}}.txt']",
    "booleans": f"{RUN} # ${{item.m}}\nmatrix: {{m: [true, false]}}\nouts: ['${{item.m}}.txt']",
    "booleans in text": f"{RUN}\nmatrix: {{m: [false]}}\nouts: ['a-${{flag}}-${{item.m}}.txt']",
    "numbers": f"{RUN}\nmatrix: {{m: [1e-3, 1.0, 010, 0x10, 1e30, -0.0]}}\nouts: ['${{item.m}}.txt', 'r${{rate}}']",
    "numbers from params": f"{RUN}\nouts: ['${{whole}}-${{rate}}-${{nothing}}.txt']",
    "none": f"{RUN}\nmatrix: {{m: [null, a]}}\nouts: ['${{item.m}}.txt']",
    "a slash": f"{RUN}\nmatrix: {{m: [a/b, a]}}\nouts: ['o/${{item.m}}.txt']",
    "a blank": f"{RUN}\nmatrix: {{m: [a b, 'c  d']}}\nouts: ['${{item.m}}.txt']",
    "odd text": f"{RUN}\nmatrix: {{m: ['é', 'a:b', 'a.b'], n: ['']}}\nouts: ['o${{item.m}}.txt']",
    "an empty matrix": f"{RUN}\nmatrix: {{m: []}}\nouts: ['${{item.m}}.txt']",
    "a list's value": f"{RUN}\nouts: ['${{names[0]}}.txt', '${{deep.list[1]}}.txt']",
    "a list's value by a dot": f"{RUN}\nouts: ['${{names.0}}.txt', 'd${{deep.models[tree].depth}}']",
    "blanks in a template": f"{RUN}\nmatrix: {{m: [a]}}\nouts: ['${{ item.m }}-${{ deep . list . 0 }}.txt']",
    "the key": f"{RUN}\nmatrix: {{m: [a, true], n: [1]}}\nouts: ['${{key}}.txt']",
    "an item's brackets": f"{RUN}\nmatrix: {{m: [a, b]}}\nouts: ['${{item[m]}}.txt']",
    "a template as a key": f"{RUN}\nmatrix: {{m: [a, true]}}\nouts: ['${{item.m}}.txt': {{persist: true}}]",
    "a template that is escaped": "cmd: echo \\${seed} ${seed} $HOME\nouts: [a.txt]",
    "a quoted name": "cmd: recommit run \"notebooks/my fit.ipynb\" --stage 'x'\nouts: [a.txt]",
    "a name that is escaped": "cmd: recommit run notebooks/my\\ fit.ipynb\nouts: [a.txt]",
    "a list of commands": "cmd: [echo a, recommit run notebooks/fit.ipynb]\nouts: [a.txt]",
    "several lines": "cmd: |\n  echo a\n  recommit run notebooks/fit.ipynb\nouts: [a.txt]",
    "a folded command": "cmd: >\n  recommit run\n  notebooks/fit.ipynb\nouts: [a.txt]",
    "a mapping in a command": "cmd: python x.py ${options}\nouts: [a.txt]",
    "params of params.yaml by name": f"{RUN}\nparams: [seed, params.yaml: [day, seed], deep.models]\nouts: [a]",
    "outside": f"{RUN}\ndeps: [../a.txt, 'https://example.org/a.txt']",
    "twice": f"{RUN}\ndeps: [a/../b.txt]\nouts: [a//c.txt, a.txt: {{cache: false}}]",
    "no outs": "cmd: echo",
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zoo")
    Repo.init(str(folder), no_scm=True).close()
    (folder / ".dvc/config.local").write_text(f"[core]\n    site_cache_dir = {folder}/.dvc/tmp/site\n")
    return folder


def put(folder: Path, entry: str, params: str = PARAMS) -> None:
    body = "".join(f"    {line}\n" for line in entry.splitlines())
    (folder / "dvc.yaml").write_text(f"stages:\n  fit:\n{body}")
    (folder / "params.yaml").write_text(params)


def by_dvc(folder: Path) -> list[dict[str, Any]]:
    """DVC's own listing, in the terms of ours."""
    found = []
    with Repo(str(folder)) as repo:
        for stage in repo.index.stages:
            files = [dep for dep in stage.deps if not isinstance(dep, ParamsDependency)]
            params = [key for dep in stage.deps if isinstance(dep, ParamsDependency) for key in dep.params]
            found.append(
                {
                    "name": stage.name,
                    "commands": stage.cmd if isinstance(stage.cmd, list) else stage.cmd.splitlines(),
                    "deps": sorted(map(plain, files)),
                    "params": sorted(set(params)),
                    "outs": sorted(map(plain, stage.outs)),
                    "metrics": sorted(plain(out) for out in stage.outs if out.metric),
                    "plots": sorted(plain(out) for out in stage.outs if out.plot),
                    "uncached": sorted(plain(out) for out in stage.outs if not out.use_cache),
                    "always_changed": stage.always_changed,
                }
            )
    return found


def plain(output: Any) -> str:
    return output.def_path if "://" in output.def_path else posixpath.normpath(output.def_path)


def ours(folder: Path) -> list[dict[str, Any]]:
    return [
        {
            "name": stage.name,
            "commands": stage.cmd.splitlines(),
            "deps": sorted(stage.deps),
            "params": sorted(stage.params),
            "outs": sorted(stage.outs),
            "metrics": sorted(stage.metrics),
            "plots": sorted(stage.plots),
            "uncached": sorted(stage.uncached),
            "always_changed": stage.always_changed,
        }
        for stage in stages(folder)
    ]


@pytest.mark.parametrize("form", ZOO)
def test_stages_are_dvcs_own(repository: Path, tmp_path: Path, form: str) -> None:
    put(repository, ZOO[form])
    listed = by_dvc(repository)
    assert ours(repository) == listed
    for stage in listed:  # and so they are in the sandbox of a replay, which holds one stage and a part of params.yaml
        (tmp_path / "dvc.yaml").write_text(json.dumps(alone(repository, stage["name"])))
        assert next(one for one in ours(tmp_path) if one["name"] == stage["name"]) == stage


def test_the_projects_own_stages_are_dvcs_own() -> None:
    project = Path(__file__).parents[3]
    assert ours(project) == by_dvc(project)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("foreach: [a, b]\ndo: {cmd: echo}", "stage fit uses foreach"),
        (f"{RUN}\nwdir: notebooks", "stage fit uses wdir"),
        (f"{RUN}\nvars: [{{a: 1}}]", "stage fit uses vars"),
        (f"{RUN}\nmatrix: {{m: [{{a: 1}}, {{a: 2}}]}}", "stage fit: its matrix holds m: "),
        (f"{RUN}\nmatrix: {{m: [[1, 2], 3]}}", "stage fit: its matrix holds m: "),
        (f"{RUN}\nmatrix: {{m: '${{seed}}'}}", "stage fit: its matrix holds m: 7"),
        (f"{RUN}\nmatrix: {{}}", "stage fit: its matrix has an item without a name"),
        (f"{RUN}\nmatrix: {{m: [a, '']}}", "stage fit: its matrix has an item without a name"),
        (f"{RUN}\nmatrix: {{m: [a@b]}}", "Could not find 'fit@a@b'"),
        (f"{RUN}\nmatrix: {{m: '${{flags}}'}}", "stage fit: its matrix takes m from params.yaml"),
        (f"{RUN}\nmatrix: [a, b]", "stage fit: matrix: expected a list of values by each name"),
        (f"{RUN}\nmatrix: {{m: [a-b, a], n: [c, b-c]}}", "two items of its matrix have one name"),
        (f"{RUN}\nmatrix: {{m: [1, '1']}}", "two items of its matrix have one name"),
        (f"{RUN}\nmatrix: {{m: [true, 'true']}}", "two items of its matrix have one name"),
        (f"{RUN}\nmatrix: {{m: [2013-09-01]}}", "stage fit: matrix m.0 is a date"),
        (f"{RUN}\nparams: [other.yaml: [a]]", "stage fit takes params from other.yaml"),
        (f"{RUN}\nparams: [params.yaml: ]", "stage fit takes all of params.yaml"),
        (f"{RUN}\nouts: ['${{item.m}}.txt']", "Could not find 'item.m'"),
        (f"{RUN}\nouts: ['${{}}.txt']", "failed to parse 'stages.fit.outs'"),
        (f"{RUN}\nouts: ['${{names}}.txt']", "Cannot interpolate data of type 'list'"),
        (f"{RUN}\nouts: ['${{seed}}']", "stage fit: 7 is no path"),
        (f"{RUN}\nouts: ['${{nothing}}']", "stage fit: None is no path"),
        ("cmd: recommit run 'notebooks/fit.ipynb", "stage fit: no shell can read"),
        ("desc: nothing to run", "stage fit has no cmd"),
        ("cmd: []", "stage fit has no cmd"),
        (f"{RUN}\nouts: a.txt", "stage fit: outs: expected a list"),
    ],
)
def test_a_form_that_is_not_supported_is_refused_by_name(repository: Path, entry: str, said: str) -> None:
    put(repository, entry)
    with pytest.raises(Refusal) as refused:
        [stage.notebook for stage in stages(repository)]
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_values_for_the_whole_pipeline_beside_params_yaml_are_refused(repository: Path) -> None:
    put(repository, RUN)
    (repository / "dvc.yaml").write_text("vars: [{a: 1}]\n" + (repository / "dvc.yaml").read_text())
    with pytest.raises(Refusal, match=r"dvc\.yaml uses vars"):
        stages(repository)


@pytest.mark.parametrize("value", ["2013-09-01", "{first: [2013-09-01 10:00:00]}"])
def test_a_date_without_quotes_is_refused_since_dvc_cannot_read_it(repository: Path, value: str) -> None:
    put(repository, RUN, f"as_of: {value}\n")
    with pytest.raises((DvcException, TypeError)):
        by_dvc(repository)
    with pytest.raises(Refusal, match=r"params\.yaml: as_of.* is a date, which DVC cannot read: quote it"):
        stages(repository)
    put(repository, RUN, 'as_of: "2013-09-01"\n')
    assert read_params(repository) == {"as_of": "2013-09-01"}


@pytest.mark.parametrize("words", ["", "dir = ../shared", "dir = /somewhere/cache", "type = symlink\n    DIR = here"])
def test_the_cache_is_where_dvc_says(repository: Path, words: str) -> None:
    put(repository, RUN)
    config = repository / ".dvc/config"
    text = config.read_text()
    config.write_text(f"{text}[cache]\n    {words}\n")
    found = repository / dvc_config(repository).get("cache", {}).get("dir", ".dvc/cache")
    with Repo(str(repository)) as repo:
        assert posixpath.normpath(found) == posixpath.normpath(repo.cache.legacy.path)
    config.write_text(text)


def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    put(tmp_path, RUN)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core\n")
    with pytest.raises(Refusal, match=r"\.dvc/config, DVC's configuration, cannot be read: Invalid line"):
        stages(tmp_path)


def test_a_second_pipeline_in_a_folder_is_found(repository: Path) -> None:
    put(repository, "cmd: echo\ndesc: x\nouts: [a]", "{}")
    for name in ("part", "other/.dvc", ".hidden", "env"):
        (repository / name).mkdir(parents=True)
    for name in ("part", "other", ".hidden", "env"):
        (repository / name / "dvc.yaml").write_text("stages: {more: {cmd: echo}}\n")
    (repository / "env/pyvenv.cfg").touch()
    assert [str(finding) for finding in check(Declared(repository))] == [
        "part/dvc.yaml: a second pipeline, whose stages DVC runs too: move them to the project's dvc.yaml"
    ]
    for name in ("part", "other", ".hidden", "env"):
        shutil.rmtree(repository / name)


@pytest.mark.parametrize("form", ["a quoted name", "a name that is escaped"])
def test_a_notebooks_name_is_read_as_a_shell_reads_it(repository: Path, form: str) -> None:
    put(repository, ZOO[form])
    assert [stage.notebook for stage in stages(repository)] == ["notebooks/my fit.ipynb"]


def test_a_value_of_a_list_that_a_template_takes_is_used(repository: Path) -> None:
    assert templates("${names[0]} ${ item.m } \\${seed}") == ["names.0", "item.m"]
    put(
        repository,
        "cmd: echo\ndesc: x\nouts: ['${names[0]}.txt', '${deep.list.1}.txt']",
        "names: [a]\ndeep: {list: [1, 2]}\n",
    )
    assert check(Declared(repository)) == []
