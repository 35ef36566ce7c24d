"""The Open Inference Protocol: every endpoint, and what it refuses."""

import json
from typing import Any

import pytest

from tests.recommit.serving.world import Client, binary, rows, tensors

ROW = {"weight": 2.5, "recent": 11.0, "road": "north", "size": "small"}
ONE = tensors([ROW])


def changed(name: str, **change: Any) -> dict[str, Any]:
    """The request of one row, with another tensor `name`; what is None there is left out."""
    inputs = [one | change if one["name"] == name else one for one in tensors([ROW])["inputs"]]
    return {"inputs": [{key: value for key, value in one.items() if value is not ...} for one in inputs]}


@pytest.mark.parametrize(
    ("method", "path", "due"),
    [
        ("GET", "/v2/health/live", {"live": True}),
        ("GET", "/v2/health/ready", {"ready": True}),
        ("GET", "/v2/models/parcels/ready", {"name": "parcels", "ready": True}),
        ("GET", "/v2/models/parcels/versions/v1.2.0/ready", {"name": "parcels", "ready": True}),
        (
            "POST",
            "/v2/repository/index",
            [{"name": "parcels", "version": "v1.2.0", "state": "READY", "reason": ""}],
        ),
    ],
)
def test_what_is_asked_about_the_server_is_answered_as_json(client: Client, method: str, path: str, due: Any) -> None:
    answer = client.ask(method, path)
    assert (answer.status, answer.json) == (200, due)
    assert answer.headers["content-type"] == "application/json"


def test_the_server_names_its_extensions(client: Client) -> None:
    said = client.ask("GET", "/v2").json
    assert said["extensions"] == ["binary_tensor_data", "model_repository"]
    assert {"name", "version"} <= said.keys()


@pytest.mark.parametrize("path", ["/v2/models/parcels", "/v2/models/parcels/versions/v1.2.0"])
def test_the_model_tells_its_inputs_and_outputs(served: Client, path: str) -> None:
    said = served.ask("GET", path).json
    assert (said["name"], said["versions"]) == ("parcels", ["v1.2.0"])
    assert {one["name"]: one["datatype"] for one in said["inputs"]} == {
        "weight": "FP32", "recent": "FP32", "road": "BYTES", "size": "BYTES",
    }  # fmt: skip
    assert said["outputs"] == [
        {"name": one["name"], "datatype": one["datatype"], "shape": [-1]} for one in served.infer(ONE).json["outputs"]
    ]


@pytest.mark.parametrize("path", ["/v2/models/parcels/infer", "/v2/models/parcels/versions/v1.2.0/infer"])
def test_the_id_is_echoed(client: Client, path: str) -> None:
    said = client.ask("POST", path, ONE | {"id": "a 1"}).json
    assert (said["id"], said["model_name"], said["model_version"]) == ("a 1", "parcels", "v1.2.0")
    assert "id" not in client.ask("POST", path, ONE).json


def test_outputs_come_as_they_are_wanted(client: Client) -> None:
    wanted = [{"name": "set"}, {"name": "probability", "parameters": {"binary_data": True}}]
    answer = client.infer(ONE | {"outputs": wanted})
    size = int(answer.headers["inference-header-content-length"])
    text, number = json.loads(answer.body[:size])["outputs"]
    assert text == {"name": "set", "datatype": "BYTES", "shape": [1], "data": client.predict(ROW)["set"].split("|")}
    assert number["parameters"] == {"binary_data_size": 8}
    assert len(answer.body) == size + 8


def test_the_usual_request_is_read_as_a_whole_in_the_bits_of_any_other(served: Client) -> None:
    usual = [tensors([row])["inputs"] for row in rows(20)]
    assert all(served.predictor.one_row.read(one) for one in usual)
    for one in usual:
        other = [tensor | {"parameters": {}} for tensor in reversed(one)]
        assert served.predictor.one_row.read(other) is None
        assert served.infer({"inputs": one}).body == served.infer({"inputs": other}).body


@pytest.mark.parametrize("shape", [[1], [1, 1]])
@pytest.mark.parametrize("data", [[2.5], [[2.5]]])
def test_a_row_is_of_one_or_two_dimensions(client: Client, shape: list[int], data: list[Any]) -> None:
    assert client.infer(changed("weight", shape=shape, data=data)).json == client.infer(ONE).json


@pytest.mark.parametrize(("datatype", "data"), [("FP64", 3.0), ("INT64", 3), ("INT8", 3), ("UINT64", 3), ("FP32", 3)])
def test_a_number_may_be_of_other_datatypes(client: Client, datatype: str, data: float) -> None:
    due = client.predict(ROW | {"weight": 3})["probability"]
    assert client.infer(changed("weight", datatype=datatype, data=[data])).json["outputs"][0]["data"] == [due]


def test_a_missing_number_is_null_in_json_and_nan_in_bytes(client: Client) -> None:
    row = ROW | {"recent": None}
    due = client.infer(tensors([row])).json["outputs"]
    body, size = binary([row])
    assert client.infer(body, Inference_Header_Content_Length=size).json["outputs"] == due


BAD: list[tuple[Any, int, str]] = [
    (b"", 400, "empty"),
    (b"{", 400, "no JSON"),
    (b'{"inputs": NaN}', 400, "no JSON"),
    (b'{"inputs": [{"name": "weight", "shape": [1], "datatype": "FP32", "data": [NaN]}]}', 400, "no JSON"),
    (b"[" * 100_000, 400, "nested deeper"),
    (b'{"inputs":[{"data":' + b"[" * 9, 400, "nested deeper"),
    (b"\xff", 400, "no JSON"),
    ([], 422, "expected an object with inputs"),
    (None, 422, "found null, expected an object"),
    (3, 422, "expected an object"),
    ({}, 422, "found the inputs null"),
    ({"inputs": {}}, 422, "found the inputs {}"),
    ({"inputs": "weight"}, 422, "expected a list of tensors"),
    ({"inputs": []}, 422, "input weight: found nothing"),
    ({"inputs": [None]}, 422, "found the input null"),
    ({"inputs": ["weight"]}, 422, "found the input 'weight'"),
    ({"inputs": [{}]}, 422, "expected an object with a name"),
    ({"inputs": [{"name": 3}]}, 422, "expected an object with a name"),
    ({"inputs": [{"name": ["weight"]}]}, 422, "expected an object with a name"),
    ({"inputs": ONE["inputs"][:3]}, 422, "input size: found nothing, expected one of large, small"),
    ({"inputs": [*ONE["inputs"], ONE["inputs"][0]]}, 422, "found the input 'weight', which is there already"),
    ({"inputs": [*ONE["inputs"], ONE["inputs"][0] | {"name": "x"}]}, 422, "found the input 'x'"),
    (ONE | {"id": 3}, 422, "found the id 3"),
    (ONE | {"id": None}, 422, "found the id null"),
    (ONE | {"parameters": []}, 200, ""),
    (ONE | {"parameters": [1]}, 422, "found the parameters"),
    (ONE | {"parameters": {"binary_data_output": 1}}, 422, "found 1 as binary_data_output"),
    (ONE | {"outputs": {"name": "set"}}, 422, "found the outputs"),
    (ONE | {"outputs": [None]}, 422, "found the output null"),
    (ONE | {"outputs": [{"name": "x"}]}, 422, "found the output 'x', expected one of probability, set"),
    (ONE | {"outputs": [{"name": "set", "parameters": [1]}]}, 422, "output set: found the parameters"),
    (ONE | {"outputs": [{"name": "set", "parameters": {"binary_data": "yes"}}]}, 422, "as binary_data"),
    (ONE | {"outputs": [{"name": "set", "parameters": {"classification": 2}}]}, 422, "classification"),
    (ONE | {"outputs": [{"name": "set", "parameters": {"shared_memory_region": "a"}}]}, 422, "shared_memory_region"),
    (changed("weight", shape=...), 422, "input weight: found the shape null"),
    (changed("weight", shape=1), 422, "input weight: found the shape 1"),
    (changed("weight", shape=[]), 422, "found the shape []"),
    (changed("weight", shape=[0]), 422, "found the shape [0]"),
    (changed("weight", shape=[-1]), 422, "found the shape [-1]"),
    (changed("weight", shape=[1.0]), 422, "found the shape [1.0]"),
    (changed("weight", shape=[True]), 422, "found the shape [True]"),
    (changed("weight", shape=["1"]), 422, "found the shape ['1']"),
    (changed("weight", shape=[1, 2]), 422, "found the shape [1, 2]"),
    (changed("weight", shape=[1, 1, 1]), 422, "found the shape [1, 1, 1]"),
    (changed("weight", shape=[2]), 422, "input weight: found 1 values, expected 2"),
    (changed("weight", shape=[10**30]), 422, "expected"),
    (changed("weight", shape=[2], data=[1, 2]), 422, "input recent: found 1 rows, expected 2"),
    (changed("weight", datatype=...), 422, "input weight: found the datatype null, expected FP32, FP64 or INT64"),
    (changed("weight", datatype="FP16"), 422, "found the datatype 'FP16'"),
    (changed("weight", datatype="BOOL"), 422, "found the datatype 'BOOL'"),
    (changed("weight", datatype="BYTES"), 422, "found the datatype 'BYTES'"),
    (changed("weight", datatype="fp32"), 422, "found the datatype 'fp32'"),
    (changed("weight", datatype=["FP32"]), 422, "found the datatype ['FP32']"),
    (changed("road", datatype="FP32"), 422, "input road: found the datatype 'FP32', expected BYTES"),
    (changed("weight", data=...), 422, "input weight: found the data null"),
    (changed("weight", data=2.5), 422, "found the data 2.5"),
    (changed("weight", data={}), 422, "found the data {}"),
    (changed("weight", data=[]), 422, "found 0 values, expected 1"),
    (changed("weight", data=[1, 2]), 422, "found 2 values, expected 1"),
    (changed("weight", data=[[1, 2]]), 422, "lists of another length"),
    (changed("weight", data=[[[1]]]), 422, "row 1, input weight: found [1]"),
    (changed("weight", data=[[1], 2]), 422, "lists of another length"),
    (changed("weight", data=["2.5"]), 422, "row 1, input weight: found '2.5', expected a number of FP32"),
    (changed("weight", data=[True]), 422, "found true"),
    (changed("weight", data=[{}]), 422, "found {}"),
    (changed("weight", datatype="INT64", data=[2.5]), 422, "expected a whole number of INT64"),
    (changed("weight", datatype="INT64", data=[None]), 422, "found null"),
    (changed("weight", datatype="INT64", data=[2**63]), 422, "expected a value of INT64"),
    (changed("weight", datatype="INT8", data=[128]), 422, "expected a value of INT8"),
    (changed("weight", datatype="UINT8", data=[-1]), 422, "expected a value of UINT8"),
    (changed("weight", data=[-1]), 422, "row 1, column weight: found -1.0, expected a number from 0 on"),
    (changed("weight", data=[1e39]), 422, "column weight: found inf"),
    (changed("recent", data=[1e300]), 422, "column recent: found inf"),
    (changed("road", data=[None]), 422, "row 1, input road: found null, expected a text"),
    (changed("road", data=[1]), 422, "input road: found 1"),
    (changed("road", data=["east"]), 422, "row 1, column road: found 'east', expected one of north, south, coast"),
    (changed("road", data=[""]), 422, "found ''"),
    (changed("weight", parameters=[]), 422, "input weight: found parameters []"),
    (changed("weight", parameters={"shared_memory_region": "a"}), 422, "shared memory"),
    (changed("weight", data=..., parameters={"binary_data_size": 4}), 422, "found 4 as binary_data_size, expected 0"),
    (changed("weight", parameters={"binary_data_size": 0}), 422, "data and binary_data_size"),
    (tensors(rows(5) * 2001), 413, "10,005 rows"),
]


@pytest.mark.parametrize(("said", "status", "words"), BAD, ids=range(len(BAD)))
def test_a_bad_request_gets_one_line_that_says_why(client: Client, said: Any, status: int, words: str) -> None:
    answer = client.infer(said)
    assert answer.status == status
    if status != 200:
        assert [*answer.json] == ["error"]
        assert words in answer.json["error"]
        assert len(answer.json["error"].splitlines()) == 1
        assert len(answer.json["error"]) < 400


def spoiled(change: Any) -> tuple[bytes, str]:
    """A request of bytes, with its JSON changed."""
    body, size = binary([ROW])
    said = json.loads(body[: int(size)])
    change(said["inputs"])
    head = json.dumps(said).encode()
    return head + body[int(size) :], str(len(head))


def sized(place: int, size: Any) -> tuple[bytes, str]:
    return spoiled(lambda inputs: inputs[place]["parameters"].update(binary_data_size=size))


BODY, SIZE = binary([ROW])
BAD_BYTES: list[tuple[tuple[bytes, str], str]] = [
    ((BODY, "0"), "as Inference-Header-Content-Length"),
    ((BODY, "-1"), "as Inference-Header-Content-Length"),
    ((BODY, "x"), "as Inference-Header-Content-Length"),
    ((BODY, ""), "as Inference-Header-Content-Length"),
    ((BODY, "1" * 40), "as Inference-Header-Content-Length"),
    ((BODY, str(len(BODY) + 1)), "as Inference-Header-Content-Length"),
    ((BODY, str(int(SIZE) - 1)), "no JSON"),
    ((BODY, str(int(SIZE) + 1)), "no JSON"),
    ((b"", "1"), "as Inference-Header-Content-Length"),
    ((BODY[:-1], SIZE), "as binary_data_size"),
    ((BODY + b"x", SIZE), "found 1 bytes behind those of the tensors"),
    (sized(0, 3), "input weight: found 3 bytes, expected 4 of FP32"),
    (sized(0, 0), "found 0 bytes, expected 4"),
    (sized(0, -1), "found -1 as binary_data_size"),
    (sized(0, "4"), "found '4' as binary_data_size"),
    (sized(0, 4.0), "found 4.0 as binary_data_size"),
    (sized(0, True), "found true as binary_data_size"),
    (sized(0, 2**70), "as binary_data_size"),
    (sized(2, 3), "input road: found bytes that are not 1 texts"),
    (sized(2, 0), "input road: found bytes that are not 1 texts"),
    (spoiled(lambda inputs: inputs[0].update(shape=[2])), "expected 8 of FP32"),
    (spoiled(lambda inputs: inputs[2].update(shape=[2])), "found 2 rows, expected 1"),
    ((BODY.replace(b"\x05\x00\x00\x00north", b"\x05\x00\x00\x00nor\xff\xfe"), SIZE), "no UTF-8"),
    ((BODY.replace(b"\x05\x00\x00\x00north", b"\xff\xff\xff\xffnorth"), SIZE), "not 1 texts"),
    ((BODY.replace(b"north", b"worth"), SIZE), "column road: found 'worth'"),
    ((BODY[: int(SIZE)] + b"\x00\x00\x80\x7f" + BODY[int(SIZE) + 4 :], SIZE), "column weight: found inf"),
]


@pytest.mark.parametrize(("asked", "words"), BAD_BYTES, ids=range(len(BAD_BYTES)))
def test_bad_bytes_get_one_line_that_says_why(client: Client, asked: tuple[bytes, str], words: str) -> None:
    answer = client.infer(asked[0], Inference_Header_Content_Length=asked[1])
    assert answer.status in (400, 422)
    assert words in answer.json["error"]


@pytest.mark.parametrize("path", ["", "/ready", "/infer"])
@pytest.mark.parametrize(
    "model", ["x", "parcels/versions/v9.9.9", "parcels/versions/1", "parcels/versions/", "Parcels"]
)
def test_another_model_or_version_is_not_there(client: Client, model: str, path: str) -> None:
    method = "POST" if path == "/infer" else "GET"
    answer = client.ask(method, f"/v2/models/{model}{path}", ONE)
    assert (answer.status, [*answer.json]) == (404, ["error"])


@pytest.mark.parametrize("said", [b"[]", b"3", b'{"ready": 1}', b"{"])
def test_a_bad_question_for_the_index_is_refused(client: Client, said: bytes) -> None:
    assert client.ask("POST", "/v2/repository/index", said).status in (400, 422)
