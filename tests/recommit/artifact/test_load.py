"""A sound model is loaded; one that is spoiled, swapped or built to harm is refused, and the reason is said."""

import hashlib
import json
import os
from dataclasses import asdict

import numpy as np
import onnx
import pytest

from recommit.artifact import golden
from recommit.artifact import load as loading
from recommit.artifact.answers import Calibration
from recommit.artifact.calibration import UNCALIBRATED
from recommit.artifact.export import export
from recommit.artifact.graph import read_graph
from recommit.artifact.load import load
from recommit.artifact.model import Model
from tests.recommit.artifact.conftest import LINE, TASK, attribute, node, put, rebuilt, refusal, say

TREES = "TreeEnsembleClassifier"


def test_a_sound_model_is_loaded_and_predicts(folder, made, table):
    artifact = load(folder)
    assert artifact.manifest.fit == "boosting-all"
    assert list(artifact.model.columns) == ["wind", "rain", "place"]
    probability = artifact.model.answer(table)
    assert (probability == Model(made["model.onnx"]).answer(table)).all()
    assert artifact.manifest.task.sets.sets(probability).shape == (600, 2)
    assert artifact.content == made["model.onnx"]
    assert (artifact.model.answer(artifact.golden.rows) == artifact.golden.answer).all()


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json", "golden.json"])
def test_a_missing_empty_cut_linked_or_oversized_file_is_refused(folder, made, name):
    file, content = folder / name, made[name]
    file.write_bytes(content[: len(content) // 2])
    assert ("it is not JSON" if name == "manifest.json" else "cut short") in refusal(folder)
    file.write_bytes(b"")
    assert str(file) in refusal(folder)
    file.unlink()
    assert f"{file} is missing" in refusal(folder)
    (folder.parent / name).write_bytes(content)
    file.symlink_to(folder.parent / name)
    assert f"{file} is a link" in refusal(folder)
    file.unlink()
    os.mkfifo(file)
    assert f"{file} is no plain file" in refusal(folder)
    file.unlink()
    with file.open("wb") as large:
        large.truncate(300 * 2**20)
    assert "has 314,572,800 bytes, and at most" in refusal(folder)


@pytest.fixture
def linked(folder, made, tmp_path):
    """The model as `dvc checkout` leaves it with `cache.type symlink`: links into the cache."""
    for name, content in made.items():
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        cached = tmp_path / "cache/files/md5" / md5[:2] / md5[2:]
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.write_bytes(content)
        (folder / name).unlink()
        (folder / name).symlink_to(cached)
    return folder


def test_a_model_that_dvc_linked_into_its_cache_is_loaded(linked, made):
    assert load(linked).content == made["model.onnx"]


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json", "golden.json"])
def test_a_link_is_followed_into_a_cache_only_and_no_further(linked, made, tmp_path, name):
    file = linked / name
    cached = file.readlink()
    content = cached.read_bytes()
    cached.write_bytes(b"a" + content)
    assert f"{file} is a link to {cached}, which was changed: delete that one" in refusal(linked)
    (tmp_path / "elsewhere").write_bytes(content)
    cached.unlink()
    cached.symlink_to(tmp_path / "elsewhere")  # a name in a cache that leads out of it
    assert f"{file} cannot be read" in refusal(linked)
    cached.unlink()
    assert f"{file} is missing: take the folder whole, with `dvc checkout`" in refusal(linked)
    cached.mkdir()
    assert f"{file} is no plain file" in refusal(linked)
    file.unlink()
    file.symlink_to("/dev/zero")
    assert f"{file} is a link to /dev/zero, and only links into a DVC cache are followed" in refusal(linked)


@pytest.mark.parametrize("name", ["model.onnx", "golden.json"])
def test_one_changed_bit_is_refused_before_anything_is_parsed(folder, made, name, monkeypatch):
    monkeypatch.setattr(loading, "read_graph", lambda content: pytest.fail("parsed"))
    content = bytearray(made[name])
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(bytes(content))
    assert f"{folder / name} is not the file that manifest.json describes" in refusal(folder)


def test_what_is_loaded_are_the_bytes_that_were_checked(folder, made, monkeypatch):
    """The file is exchanged as soon as it has been read: nothing reads it again."""
    read = loading.read_graph

    def exchange(content):
        (folder / "model.onnx").write_bytes(b"another")
        return read(content)

    monkeypatch.setattr(loading, "read_graph", exchange)
    assert load(folder).content == made["model.onnx"]


def test_files_of_another_model_are_refused(folder, made):
    other = rebuilt(made["model.onnx"], lambda model: attribute(model, TREES, "class_weights").floats.__setitem__(0, 9))
    (folder / "model.onnx").write_bytes(other)
    assert "is not the file that manifest.json describes" in refusal(folder)
    put(folder, "model.onnx", other)
    assert "(boosting) does not answer as expected" in refusal(folder)
    assert "gives the probability" in refusal(folder)


def test_a_folder_that_is_none_is_refused(tmp_path):
    assert "is not a folder with a model in it" in refusal(tmp_path / "absent")


# A change to the model file, as someone would make who also changes the hash; and the reason that must be said.


def with_operator(model):
    node(model, "Sigmoid").op_type = "Tanh"


def with_custom_domain(model):
    node(model, "Sigmoid").domain = "com.example"
    model.opset_import.add(domain="com.example", version=1)


def with_external_data(model):
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../../../etc/passwd")


def with_function(model):
    model.functions.add(name="f", domain="local")


def with_subgraph(model):
    node(model, "Sigmoid").attribute.add(name="body", type=onnx.AttributeProto.GRAPH).g.CopyFrom(onnx.GraphProto())


def with_training(model):
    model.training_info.add()


def with_absurd_shape(model):
    model.graph.initializer[0].dims[:] = [2**40, 2**20]


def with_negative_shape(model):
    model.graph.initializer[0].dims[:] = [-2]


def with_huge_weights(model):
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(20_000, "float32"), "more"))


def with_wide_input(model):
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 10**9


def with_whole_number_input(model):
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT64


def with_newer_operators(model):
    model.opset_import[0].version = 999


def with_unknown_field(model):
    model.MergeFromString(b"\xfa\x3f\x01x")


def with_reshape(model):
    name = node(model, "Reshape").input[1]
    weights = next(one for one in model.graph.initializer if one.name == name)
    weights.CopyFrom(onnx.numpy_helper.from_array(np.array([2**30, 2**30]), name))


def with_gather(model):
    weights = next(one for one in model.graph.initializer if one.name == "calibration_positive")
    weights.CopyFrom(onnx.numpy_helper.from_array(np.array([99]), weights.name))


def with_feature(model):
    attribute(model, TREES, "nodes_featureids").ints[0] = 10**6


def with_loop(model):
    attribute(model, TREES, "nodes_truenodeids").ints[0] = 0


def with_lost_child(model):
    attribute(model, TREES, "nodes_falsenodeids").ints[0] = 10**9


def with_short_tree(model):
    del attribute(model, TREES, "nodes_values").floats[3:]


def with_third_class(model):
    attribute(model, TREES, "class_ids").ints[0] = 7


def with_no_weight(model):
    attribute(model, TREES, "class_weights").floats[0] = float("nan")


def with_weight_of_a_branch(model):
    attribute(model, TREES, "class_nodeids").ints[0] = 0


def with_weight_of_no_node(model):
    attribute(model, TREES, "class_nodeids").ints[0] = 10**9


def with_weight_of_no_tree(model):
    attribute(model, TREES, "class_treeids").ints[0] = 10**6


def with_endless_base(model):
    attribute(model, TREES, "base_values").floats[0] = float("inf")


def with_three_bases(model):
    attribute(model, TREES, "base_values").floats.extend([0, 0])


def with_other_transform(model):
    attribute(model, TREES, "post_transform").s = b"PROBIT"


def with_unknown_attribute(model):
    node(model, TREES).attribute.append(onnx.helper.make_attribute("aggregate_function", "MAX"))


def with_attribute_of_another(model):
    node(model, "Log").attribute.append(onnx.helper.make_attribute("axis", 1))


def with_two_lists_of_keys(model):
    node(model, "LabelEncoder").attribute.append(onnx.helper.make_attribute("keys_floats", [1.0, 2.0, 3.0]))


def with_words_that_nothing_reads(model):
    attribute(model, "LabelEncoder", "keys_strings").strings.extend([b""] * 300_000)


def with_numbers_that_nothing_reads(model):
    attribute(model, "LabelEncoder", "values_int64s").MergeFromString(b"\x40\x01" * 10_000_001)


def with_a_number_for_a_list(model):
    attribute(model, TREES, "class_weights").CopyFrom(onnx.helper.make_attribute("class_weights", 1.0))


def with_other_nodes(model):
    attribute(model, TREES, "nodes_modes").strings[0] = b"BRANCH_MEMBER"


def with_reader_of_nothing(model):
    node(model, "Log").input[0] = "nowhere"


def with_many_parts(model):
    for _ in range(210_000):
        model.graph.node.add()


def with_third_probability(model):
    node(model, "Gather").output[0], node(model, "Gather").name = "calibration_for", "x"
    model.graph.node[-1].input.append("calibration_calibrated")


def with_renamed_input(model):
    for one in model.graph.node:
        one.input[:] = ["storm" if name == "wind" else name for name in one.input]
    model.graph.input[0].name = "storm"


def with_half_the_weights(model):
    weights = next(one for one in model.graph.initializer if one.raw_data)
    weights.dims[:] = [2]


def with_twice_the_weights(model):
    weights = next(one for one in model.graph.initializer if one.raw_data)
    weights.raw_data *= 2


def with_weights_named_as_an_input(model):
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(1, "float32"), "wind"))


def with_no_axis(model):
    del node(model, "Gather").attribute[:]


def with_columns_for_weights(model):
    node(model, "Reshape").input[1] = node(model, "Reshape").input[0]


def with_an_output_of_a_weights_name(model):
    node(model, "Log").output[0] = "calibration_slope"


def with_no_name_of_an_output(model):
    node(model, "Log").output[0] = ""


def with_columns_doubled(model):
    name = "wind"
    for number in range(40):
        twice = onnx.helper.make_node("Concat", [name, name], [f"twice_{number}"], axis=1)
        model.graph.node.insert(number, twice)
        name = f"twice_{number}"


def with_two_parents(model):
    yes, no = (attribute(model, TREES, f"nodes_{name}nodeids").ints for name in ("true", "false"))
    no[0] = yes[0]


def with_renumbered_nodes(model):
    attribute(model, TREES, "nodes_nodeids").ints[1] = 2


def with_no_threshold(model):
    attribute(model, TREES, "nodes_values").floats[0] = float("nan")


def with_no_trees(model):
    trees = node(model, TREES)
    trees.attribute.remove(attribute(model, TREES, "nodes_treeids"))


def with_attribute_twice(model):
    node(model, TREES).attribute.append(attribute(model, TREES, "nodes_values"))


def with_other_codes(model):
    attribute(model, "LabelEncoder", "values_int64s").ints[0] = 7


def with_an_idle_model(model):
    another = model.graph.node.add()
    another.CopyFrom(node(model, TREES))
    another.output[:], another.name = ["another_label", "another"], "another"


HARM = [
    (with_an_idle_model, "it has no model, or one whose answer nothing uses"),
    (with_operator, "it uses the operator 'Tanh', which is not among"),
    (with_custom_domain, "needs version 1 of the operator set 'com.example': allowed are ai.onnx up to 21"),
    (with_external_data, "model.graph.initializer holds external_data"),
    (with_function, "model holds functions"),
    (with_subgraph, "model.graph.node.attribute holds g,"),
    (with_training, "model holds training_info"),
    (with_absurd_shape, "int64_data size (2) is too small for the declared shape"),
    (with_negative_shape, "Negative dimension value (tensor name: shape_tensor)"),
    (with_huge_weights, "have the shape [20000]: at most 10,000 numbers"),
    (with_half_the_weights, "is too small for the declared shape"),
    (with_twice_the_weights, "its weights 'calibration_slope' do not fill their shape"),
    (with_weights_named_as_an_input, "it has an input and weights of one name"),
    (with_wide_input, "its input 'wind' must be"),
    (with_whole_number_input, "its input 'wind' must be"),
    (with_newer_operators, "version 999 of the operator set"),
    (with_unknown_field, "model holds field 1023"),
    (with_reshape, "must leave 1 columns as they are"),
    (with_gather, "chooses columns [99] of 2"),
    (with_no_axis, "Gather 'calibration_for' must have axis of 1"),
    (with_columns_for_weights, "must be given cw, not cc: c columns, w weights"),
    (with_an_output_of_a_weights_name, "Graph must be in single static assignment (SSA) form"),
    (with_no_name_of_an_output, "Log 'calibration_log_odds' leaves out an input or an output"),
    (with_columns_doubled, "its nodes are given more than 1,000,000 columns"),
    (with_feature, "splits on a column that is none of its 3"),
    (with_loop, "has a tree that leads back, or out of itself"),
    (with_lost_child, "has a tree that leads back, or out of itself"),
    (with_two_parents, "has a node with two parents"),
    (with_renumbered_nodes, "has trees whose nodes are not numbered in order"),
    (with_no_threshold, "has a threshold that is no number"),
    (with_short_tree, "has 3 nodes_values"),
    (with_no_trees, "lacks nodes_treeids"),
    (with_third_class, "has weights of an output that is none of 2"),
    (with_no_weight, "has class_weights that are no numbers"),
    (with_weight_of_a_branch, "has weights of a node that is no leaf"),
    (with_weight_of_no_node, "has weights of a node that is no leaf"),
    (with_weight_of_no_tree, "has weights of a node that is no leaf"),
    (with_endless_base, "has base_values that are no numbers"),
    (with_three_bases, "has 3 base_values, not 2"),
    (with_other_transform, "must have post_transform of NONE or LOGISTIC"),
    (with_unknown_attribute, "attribute 'aggregate_function' is not allowed on ai.onnx.ml.TreeEnsembleClassifier"),
    (with_attribute_of_another, "attribute 'axis' is not allowed on Log"),
    (with_attribute_twice, "Attribute 'nodes_values' appeared multiple times"),
    (with_two_lists_of_keys, "attribute 'keys_floats' is not allowed on ai.onnx.ml.LabelEncoder"),
    (with_other_codes, "must number its categories 0, 1, 2 and so on"),
    (with_words_that_nothing_reads, "it has more than 200,000 parts"),
    (with_numbers_that_nothing_reads, "it has more than 10,000,000 values in lists"),
    (with_a_number_for_a_list, "Mismatched attribute type in 'TreeEnsembleClassifier : class_weights'"),
    (with_other_nodes, "must have nodes_modes of BRANCH_LEQ or LEAF"),
    (with_reader_of_nothing, "topologically sorted, however input 'nowhere' of node"),
    (with_many_parts, "it has more than 200,000 parts"),
    (with_third_probability, "its output 'probabilities' is declared to be [0, 2]"),
    (with_renamed_input, "its inputs are not the manifest's: only the file has ('storm', 'number')"),
]


@pytest.mark.parametrize(("harm", "words"), HARM, ids=[harm.__name__ for harm, _ in HARM])
def test_a_model_file_built_to_harm_is_refused_for_what_is_in_it(folder, made, harm, words):
    put(folder, "model.onnx", rebuilt(made["model.onnx"], harm))
    text = refusal(folder)
    assert words in text
    assert f"{folder / 'model.onnx'} (boosting) is not loaded" in text


def test_a_tree_too_deep_to_walk_is_refused(folder, made):
    def deepen(model):
        chain = range(2000)
        ends = {"nodes_nodeids": [*range(4001)], "nodes_treeids": [0] * 4001, "nodes_hitrates": [1.0] * 4001}
        ends |= {"nodes_featureids": [0] * 4001, "nodes_missing_value_tracks_true": [0] * 4001}
        ends |= {"nodes_values": [0.0] * 4001, "nodes_modes": [b"BRANCH_LEQ", b"LEAF"] * 2000 + [b"LEAF"]}
        ends |= {"nodes_truenodeids": [n for k in chain for n in (2 * k + 1, 0)] + [0]}
        ends |= {"nodes_falsenodeids": [n for k in chain for n in (2 * k + 2, 0)] + [0]}
        for name, values in ends.items():
            old = attribute(model, TREES, name)
            old.CopyFrom(onnx.helper.make_attribute(name, values))

    put(folder, "model.onnx", rebuilt(made["model.onnx"], deepen))
    assert "more than 500 splits above a leaf" in refusal(folder)


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"not a model at all", b"ORTM" * 100, b"\x08\x0a\x00\x00ORTM" + b"\0" * 60]
)
def test_what_is_no_model_is_refused(folder, content, capfd):
    put(folder, "model.onnx", content)
    assert "(boosting) is not loaded" in refusal(folder)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda said: said["operators"].remove("Log"), "its operators are not the manifest's: only the file has 'Log'"),
        (lambda said: said["opsets"].update({"": 20}), "its operator sets are not the manifest's"),
        (lambda said: said["inputs"].reverse(), "its inputs are not the manifest's: the order"),
        (lambda said: said["inputs"].pop(), "its inputs are not the manifest's: only the file has ('place', 'text')"),
        (lambda said: said["task"]["calibration"].update(slope=0.81), "the slope 0.8, and the manifest's is 0.81"),
        (lambda said: said["task"]["calibration"].update(intercept=0.0), "the intercept -0.2, and the manifest's is 0"),
        (
            lambda said: said["inputs"][2]["values"].append("d"),
            "its values of 'place' are not the manifest's: only the manifest has 'd'",
        ),
        (lambda said: said["inputs"][2]["values"].pop(), "its values of 'place' are not the manifest's: only the file"),
        (lambda said: said["task"]["conformal"].update(quantile=0.55), "gives the set"),
        (lambda said: said["task"]["conformal"].update(quantile=0.66), "gives the set"),
        (lambda said: said["task"]["conformal"].update(quantile=0.64), "gives the set"),
        (lambda said: said["task"]["conformal"].update(quantile=[0.65, 0.55]), "gives the set"),
    ],
)
def test_a_manifest_of_something_else_is_refused(folder, change, words):
    say(folder, change)
    assert words in refusal(folder)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b'"horizon_hours": 1.0', b'"horizon_hours": 0.0'),
        (b'"threshold": 0.5', b'"threshold": 0.6'),
        (b'"features": "all"', b'"features": "few"'),
        (b'"level": 0.9', b'"level": 0.8'),
        (b'"quantile": 0.65', b'"quantile": 0.65000001'),
        (b'"unit": "mph"', b'"unit": "m/s"'),
        (b'"max_iter": 10', b'"max_iter": 11'),
        (b'"values": null', b'"values": []'),
        (b'"sha256": "', b'"sha256": "0'),
        (b'"sha256": ', b'"sha257": '),
    ],
)
def test_a_manifest_that_was_edited_is_refused(folder, was, now):
    content = (folder / "manifest.json").read_bytes()
    assert was in content
    (folder / "manifest.json").write_bytes(content.replace(was, now, 1))
    assert f"{folder / 'manifest.json'}" in refusal(folder)


def with_the_slope_as_a_column(model):
    (slope,) = (one for one in model.graph.initializer if one.name == "calibration_slope")
    model.graph.initializer.remove(slope)
    model.graph.input.append(onnx.helper.make_tensor_value_info(slope.name, onnx.TensorProto.FLOAT, [None, 1]))


def with_its_outcomes_exchanged(model):
    places = {one.name: one for one in model.graph.initializer}
    places["calibration_positive"].CopyFrom(onnx.numpy_helper.from_array(np.array([0]), "calibration_positive"))


@pytest.mark.parametrize("change", [with_the_slope_as_a_column, with_its_outcomes_exchanged])
def test_a_line_that_is_not_the_one_that_is_written_is_none(made, change):
    assert asdict(read_graph(made["model.onnx"]).calibration) == pytest.approx(asdict(LINE))
    assert read_graph(rebuilt(made["model.onnx"], change)).calibration == UNCALIBRATED


def test_a_manifest_that_is_laid_out_otherwise_is_the_same(folder):
    said = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(said, sort_keys=True))
    load(folder)


def test_a_file_without_calibration_has_a_manifest_that_says_so(folder, boosted, table, asked):
    """The line as it is: slope 1, intercept 0."""
    content = export(boosted, table)
    model = Model(content)
    task = TASK.model_copy(update={"calibration": Calibration(slope=1.0, intercept=0.0)})
    rows = golden.golden_bytes(golden.choose(asked, model, task, seed=1), model, task)
    used = read_graph(content)
    say(folder, lambda said: said.update(operators=list(used.operators), opsets=used.opsets))
    put(folder, "golden.json", rows)
    put(folder, "model.onnx", content)
    assert "its calibration has the slope 1, and the manifest's is 0.8" in refusal(folder)
    say(folder, lambda said: said.update(task=task.model_dump()))
    load(folder)
