"""What others' clients do, run by a Python that has them: HOST:PORT, and the answer due, as JSON."""

import asyncio
import json
import sys

import numpy as np
import tritonclient.http as triton
from kserve import InferenceRESTClient, InferRequest, RESTConfig
from kserve import InferInput as Input

ADDRESS, DUE = sys.argv[1], json.loads(sys.argv[2])
ROW = {"weight": 2.5, "recent": 11.0, "road": "north", "size": "small"}
MANY = 3


def values(name: str) -> np.ndarray:
    value = ROW[name]
    kind = object if isinstance(value, str) else np.float32
    return np.full((MANY, 1), value.encode() if isinstance(value, str) else value, kind)


def of_triton(binary: bool) -> None:
    """The client in its default mode, of raw bytes, and in its JSON mode."""
    client = triton.InferenceServerClient(ADDRESS)
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("parcels")
    assert client.is_model_ready("parcels", "v1.2.0")
    assert not client.is_model_ready("nobody")
    assert client.get_server_metadata()["name"] == "recommit"
    told = client.get_model_metadata("parcels")
    assert [one["state"] for one in client.get_model_repository_index()] == ["READY"]
    inputs = []
    for one in told["inputs"]:
        inputs.append(triton.InferInput(one["name"], [MANY, 1], one["datatype"]))
        inputs[-1].set_data_from_numpy(values(one["name"]), binary_data=binary)
    outputs = None if binary else [triton.InferRequestedOutput(one["name"], False) for one in told["outputs"]]
    for version in ("", "v1.2.0"):
        found = client.infer("parcels", inputs, version, outputs, request_id="order-7")
        assert found.get_response()["id"] == "order-7"
        assert found.as_numpy("probability").tolist() == [DUE["probability"]] * MANY
        assert [one.decode() if binary else one for one in found.as_numpy("set").tolist()] == [DUE["set"]] * MANY
    refused = ""
    try:
        client.infer("parcels", inputs[:1])
    except triton.InferenceServerException as error:
        refused = error.message()
    assert "found nothing, expected" in refused


async def of_kserve() -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    base = f"http://{ADDRESS}"
    assert await client.is_server_live(base)
    assert await client.is_server_ready(base)
    assert await client.is_model_ready(base, "parcels")
    for binary in (False, True):
        inputs = []
        for name in ROW:
            data = values(name)
            inputs.append(Input(name, [MANY, 1], "BYTES" if data.dtype == object else "FP32"))
            inputs[-1].set_data_from_numpy(data, binary_data=binary)
        found = await client.infer(base, InferRequest("parcels", inputs, "order-7"), model_name="parcels")
        assert found.id == "order-7"
        [probability] = [one for one in found.outputs if one.name == "probability"]
        assert probability.as_numpy().tolist() == [DUE["probability"]] * MANY


of_triton(binary=True)
of_triton(binary=False)
asyncio.run(of_kserve())
print("fine")
