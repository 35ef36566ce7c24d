"""The files by which a server is deployed agree with one another, and with the server."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from recommit.serving import tokens
from recommit.serving.app import Routes
from recommit.serving.hosts.contract import Place
from recommit.serving.limits import Limits
from recommit.serving.operate.__main__ import FILES
from recommit.template.answers import Answers
from recommit.template.render import deployment, render
from recommit.verbs.serve import command
from tests.recommit.serving.test_operate import promtool
from tests.recommit.serving.world import Client
from tests.recommit.template.test_render import ROOT, TIMED, TIMELESS

FLIGHTS = replace(TIMED, name="flights")
WORKFLOW = ".github/workflows/image.yaml"
PORT = Place().port


@pytest.fixture(scope="module", params=["flights", "penguins"])
def files(request: pytest.FixtureRequest) -> dict[str, bytes]:
    """Those of this repository, and of a new project with a remote."""
    made = deployment(FLIGHTS) if request.param == "flights" else render(replace(TIMELESS, remote="s3://bucket"))
    return made | {"name": request.param.encode()}


def yaml(content: bytes) -> Any:
    return YAML(typ="safe").load(content)


def manifests(files: dict[str, bytes]) -> dict[str, Any]:
    """What there is for Kubernetes, by its kind."""
    found = [yaml(content) for path, content in files.items() if path.startswith(("deploy/kube", "deploy/kserve"))]
    return {one["kind"]: one for one in found}


def pods(files: dict[str, bytes]) -> dict[str, Any]:
    """The specification of each pod, by the kind that makes it."""
    found = manifests(files)
    return {
        "Deployment": found["Deployment"]["spec"]["template"]["spec"],
        "InferenceService": found["InferenceService"]["spec"]["predictor"],
    }


def dockerfile(files: dict[str, bytes], word: str) -> list[str]:
    return re.findall(rf"^{word} (.+)$", files["Dockerfile"].decode(), re.MULTILINE)


def served(words: list[str]) -> dict[str, Any]:
    """What a command line of the image says, which must be one of `recommit serve`."""
    assert words[0] == "serve"
    return command.make_context("serve", words[1:]).params


def test_this_repositorys_files_are_those_of_the_template() -> None:
    """`python -c "from recommit.template.render import deployment"` writes them anew."""
    for path, content in deployment(FLIGHTS).items():
        assert (ROOT / path).read_bytes() == content, path
    lying = {str(path.relative_to(ROOT)) for path in (ROOT / "deploy").rglob("*") if path.is_file()}
    assert {path for path in lying if "/secrets/" not in path} <= deployment(FLIGHTS).keys()


def test_alerts_and_dashboard_are_those_of_the_metrics(files: dict[str, bytes]) -> None:
    for name, made in FILES.items():
        assert files[f"deploy/{name}"].decode() == made()


def test_the_image_is_run_by_nobody_from_a_pinned_base(files: dict[str, bytes]) -> None:
    assert dockerfile(files, "USER") == ["10001:10001"]
    assert re.fullmatch(r"BASE=docker\.io/library/python:3\.11\.\d+-slim-\w+", dockerfile(files, "ARG")[0])
    assert dockerfile(files, "FROM") == ["${BASE} AS build", "${BASE}"]
    assert all("--require-hashes" in line for line in re.findall(r"pip install.* -r .*", files["Dockerfile"].decode()))
    assert json.loads(dockerfile(files, "ENTRYPOINT")[0]) == ["recommit"], "SageMaker adds the word serve"
    assert dockerfile(files, "EXPOSE") == [str(PORT)]


def test_nothing_goes_into_the_image_but_what_is_named(files: dict[str, bytes]) -> None:
    lines = [line for line in files[".dockerignore"].decode().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    named = {line[1:] for line in lines if line.startswith("!")}
    assert named >= {"src", "dvc.yaml", "pyproject.toml", "models/champion", "models/baseline", "models/candidate"}
    copied = {word for line in dockerfile(files, "COPY") if "--from" not in line for word in line.split()[:-1]} - {"."}
    assert all(any(word == one or word.startswith(f"{one}/") for one in named) for word in copied)
    code = "install" if files["name"] == b"flights" else "vendor"
    assert {code in named, "data/raw" in named} == {True, code == "install"}


def test_every_command_line_is_one_of_the_server(files: dict[str, bytes]) -> None:
    compose = yaml(files["deploy/compose.yml"])["services"]["server"]
    assert served(json.loads(dockerfile(files, "CMD")[0]))["host"] is None, "without more it is open to nobody else"
    found = [served(compose["command"])]
    found += [served(pod["containers"][0]["args"]) for pod in pods(files).values()]
    for one in found:
        assert one["tokens"], "it is open to other machines"
        assert one["host"] == "0.0.0.0" or one["host_contract"] == "kserve"
    mounts = [pod["containers"][0]["volumeMounts"][0]["mountPath"] for pod in pods(files).values()]
    assert [one["tokens"].parent for one in found[1:]] == [Path(mount) for mount in mounts]
    assert found[0]["tokens"].name in compose["secrets"]


def test_a_host_that_takes_only_an_image_sets_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOMMIT_SERVE_HOST_CONTRACT", "sagemaker")
    monkeypatch.setenv("RECOMMIT_SERVE_NO_LOG", "1")
    monkeypatch.setenv("RECOMMIT_SERVE_MODEL", "")  # as the image has it, if nothing is said when it is built
    found = served(["serve"])
    assert (found["host_contract"], found["no_log"], found["model"]) == ("sagemaker", True, None)


def test_probes_ask_routes_that_need_no_token(files: dict[str, bytes], clients: dict[str, Client]) -> None:
    client = clients["binary"]
    routes = {path for method, path, *_ in Routes(client.predictor, client.example, Limits()).all if method == "GET"}
    for pod in pods(files).values():
        asked = [one["httpGet"] for name, one in pod["containers"][0].items() if name.endswith("Probe")]
        assert len(asked) >= 2
        assert {one["path"] for one in asked} <= {*routes} & {path for _, path in tokens.FREE}
        assert all(one["port"] in ("http", PORT) for one in asked)
    health = yaml(files["deploy/compose.yml"])["services"]["server"]["healthcheck"]["test"][-1]
    assert f"http://127.0.0.1:{PORT}/v2/health/ready" in health
    assert "/v2/health/ready" in files[WORKFLOW].decode()
    monitor = manifests(files)["ServiceMonitor"]["spec"]["endpoints"][0]
    assert monitor["path"] == "/metrics"
    assert monitor["path"] in routes


def test_ports_agree(files: dict[str, bytes]) -> None:
    found = manifests(files)
    for pod in pods(files).values():
        assert pod["containers"][0]["ports"][0]["containerPort"] == PORT
    assert pods(files)["Deployment"]["containers"][0]["ports"][0]["name"] == "http"
    [port] = found["Service"]["spec"]["ports"]
    [monitored] = found["ServiceMonitor"]["spec"]["endpoints"]
    [allowed] = found["NetworkPolicy"]["spec"]["ingress"][0]["ports"]
    assert {port["name"], port["targetPort"], monitored["port"], allowed["port"]} == {"http"}
    assert yaml(files["deploy/compose.yml"])["services"]["server"]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    [job] = yaml(files["deploy/prometheus.yml"])["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"server:{PORT}"]}]


def test_selectors_match_the_pods(files: dict[str, bytes]) -> None:
    found = manifests(files)
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = [found[kind]["spec"]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget")]
    selectors += [found["Service"]["spec"]["selector"], found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]]
    assert all(one and one.items() <= labels.items() for one in selectors)
    assert (
        found["ServiceMonitor"]["spec"]["selector"]["matchLabels"].items()
        <= found["Service"]["metadata"]["labels"].items()
    )
    target = found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", found["Deployment"]["metadata"]["name"])
    listed = {*found["Kustomization"]["resources"]} | {"kustomization.yaml", "servicemonitor.yaml"}
    assert {f"deploy/kubernetes/{one}" for one in listed} == {one for one in files if "/kubernetes/" in one}
    assert found["Kustomization"]["images"][0]["name"] == pods(files)["Deployment"]["containers"][0]["image"]
    names = {one["metadata"]["name"] for kind, one in found.items() if kind != "Kustomization"}
    assert names == {files["name"].decode()}


def test_a_pod_may_do_as_little_as_possible(files: dict[str, bytes]) -> None:
    for pod in pods(files).values():
        [container] = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 10001
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"].keys() == {"requests", "limits"}
        assert {one["mountPath"] for one in container["volumeMounts"]} >= {"/tmp", *dockerfile(files, "VOLUME")}
        assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
    server = yaml(files["deploy/compose.yml"])["services"]["server"]
    assert (server["read_only"], server["cap_drop"], server["tmpfs"]) == (True, ["ALL"], ["/tmp"])
    assert manifests(files)["NetworkPolicy"]["spec"]["egress"] == []


def test_it_is_given_the_time_to_drain(files: dict[str, bytes]) -> None:
    drain = Limits().drain_seconds
    sleep = int(pods(files)["Deployment"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert all(pod["terminationGracePeriodSeconds"] > drain + sleep for pod in pods(files).values())
    assert int(yaml(files["deploy/compose.yml"])["services"]["server"]["stop_grace_period"].rstrip("s")) > drain


def test_with_history_there_is_one_pod(files: dict[str, bytes]) -> None:
    """Each pod has a store of events of its own."""
    scale = manifests(files)["HorizontalPodAutoscaler"]["spec"]
    assert (scale["maxReplicas"] == 1) == (files["name"] == b"flights")
    assert scale["minReplicas"] <= scale["maxReplicas"]


def test_only_what_is_given_prod_becomes_an_image(files: dict[str, bytes]) -> None:
    said = YAML(typ="safe", pure=True).load(files[WORKFLOW])
    name = files["name"].decode()
    assert said[True if True in said else "on"] == {"push": {"tags": [f"{name}#prod#*"]}}
    steps = [step.get("run", "") for step in said["jobs"]["image"]["steps"]]
    ready, push = (
        [place for place, step in enumerate(steps) if word in step] for word in ("health/ready", "docker push")
    )
    assert ready < push, "nothing is published that has not answered its golden rows"


@pytest.mark.parametrize("by", ["day", "week", "month", "quarter"])
def test_a_schedule_never_runs_two_at_once_and_publishes_the_files_first(by: str) -> None:
    files = render(replace(TIMED, by=by, remote="s3://bucket"))
    workflow, job = (yaml(files[path]) for path in (".github/workflows/advance.yaml", "deploy/advance/cronjob.yaml"))
    assert workflow["concurrency"] == {"group": "advance", "cancel-in-progress": False}
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    [due] = workflow[True if True in workflow else "on"]["schedule"]
    assert due["cron"] == job["spec"]["schedule"]
    assert re.fullmatch(r"17 5( (\*|[\d,]+)){3}", due["cron"])
    [container] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    steps = "\n".join(step.get("run", "") for step in workflow["jobs"]["advance"]["steps"])
    for lines in (steps, container["args"][0]):
        places = [lines.index(word) for word in ("dvc pull", "recommit advance", "dvc push", "git push")]
        assert places == sorted(places)


@pytest.mark.parametrize("answers", [TIMELESS, replace(TIMED, by=500)])
def test_without_periods_there_is_no_schedule(answers: Answers) -> None:
    assert not [path for path in render(replace(answers, remote="s3://bucket")) if "advance" in path]


@pytest.mark.parametrize(
    ("kind", "path"), [("vendor.github-workflows", WORKFLOW), ("vendor.compose-spec", "deploy/compose.yml")]
)
def test_files_are_as_their_schemas_say(files: dict[str, bytes], kind: str, path: str, tmp_path: Path) -> None:
    (tmp_path / "it.yml").write_bytes(files[path])
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", kind, str(tmp_path / "it.yml")]
    result = subprocess.run(words, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_prometheus_takes_its_configuration(files: dict[str, bytes], tmp_path: Path) -> None:
    for name in ("prometheus.yml", "alerts.yml"):
        (tmp_path / name).write_bytes(files[f"deploy/{name}"])
    promtool("check", "config", "--syntax-only", tmp_path / "prometheus.yml")


def test_the_docs_make_secrets_that_agree(tmp_path: Path) -> None:
    """The lines that docs/deploy.md shows, but for those of Docker and of curl."""
    (block,) = re.findall(
        r"```text\n(mkdir -p deploy/secrets.*?)cd \.\./\.\.", (ROOT / "docs/deploy.md").read_text(), re.DOTALL
    )
    subprocess.run(["bash", "-ec", block], cwd=tmp_path, check=True)
    secrets = tmp_path / "deploy/secrets"
    assert {one.name for one in secrets.iterdir()} >= {
        Path(one["file"]).name for one in yaml(deployment(FLIGHTS)["deploy/compose.yml"])["secrets"].values()
    }
    read = tokens.read_tokens(secrets / "tokens")
    for name, scopes in (("scrape-token", {"read"}), ("shop-token", {"read", "predict", "events"})):
        assert tokens.scopes_of(b"Bearer " + (secrets / name).read_bytes(), read) == scopes
