"""What a model file holds is counted before anything makes objects of it, however it is written down."""

import pytest

from recommit.artifact import wire
from recommit.artifact.wire import scan


def within(field: int, content: bytes) -> bytes:
    """A field that holds bytes, as protobuf writes it."""
    head, size = bytes([field << 3 | 2]), len(content)
    while size >= 128:
        head, size = head + bytes([size & 127 | 128]), size >> 7
    return head + bytes([size]) + content


def with_attribute(content: bytes) -> bytes:
    """A model file of one node with one attribute: ModelProto.graph, GraphProto.node, NodeProto.attribute."""
    return within(7, within(1, within(5, content)))


def with_weights(content: bytes) -> bytes:
    """A model file of one tensor of weights."""
    return within(7, within(5, content))


FLOAT, INT, WORD, EMPTY = b"\x3d\x00\x00\x80\x3f", b"\x40\x07", b"\x4a\x04LEAF", b"\x4a\x00"


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (with_attribute(EMPTY * 7), 10),
        (with_attribute(b"\x18\x07" * 7), 10),  # a number that is no list, written again and again
        (with_weights(b"\x08\x01" * 8), 10),
        (within(2, b"") * 10, 10),
        (b"\x08\x07" * 10, 10),
        # Of packed lists, each four bytes:
        (with_attribute(within(7, b"\x00" * 24)), 10),
        (with_attribute(within(8, b"\x07" * 24)), 10),
        (with_weights(within(4, b"\x00" * 28)), 10),
        (with_weights(within(10, b"\x00" * 28)), 10),
    ],
)
def test_every_field_is_a_part_and_what_a_packed_list_holds_too(monkeypatch, content, parts):
    monkeypatch.setattr(wire, "MOST_PARTS", parts)
    scan(content)
    monkeypatch.setattr(wire, "MOST_PARTS", parts - 1)
    with pytest.raises(ValueError, match=f"it has more than {parts - 1} parts"):
        scan(content)


@pytest.mark.parametrize("value", [FLOAT, INT, b"\x40\xff\x01", WORD, INT + FLOAT], ids=str)
def test_the_long_lists_of_trees_are_no_parts(monkeypatch, value):
    monkeypatch.setattr(wire, "MOST_PARTS", 5)  # the graph, the node, the attribute, and up to two until a run begins
    scan(with_attribute(value * 1000))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (with_attribute(FLOAT)[:-1], "it ends within model.graph: cut short"),
        (with_attribute(FLOAT[:-1]), "it ends within model.graph.node.attribute.floats: cut short"),
        (b"\x08" + b"\xff" * 11, "not an ONNX file, or cut short"),
        (b"\x3b", "not an ONNX file: a field of kind 3"),
        (b"\xfa\x3f\x00", "model holds field 1023, which is not allowed"),
        (with_attribute(within(6, b"")), "model.graph.node.attribute holds g, which is not allowed"),
    ],
)
def test_what_is_cut_short_or_no_field_of_a_model_is_refused(content, words):
    with pytest.raises(ValueError, match=words):
        scan(content)


def test_a_large_file_of_nothing_is_given_up_after_as_many_parts(monkeypatch):
    walked, read = [], wire._varint
    monkeypatch.setattr(wire, "_varint", lambda *place: walked.append(1) or read(*place))
    with pytest.raises(ValueError, match="it has more than 200,000 parts"):
        scan(with_attribute(EMPTY * 8_000_000))
    assert len(walked) < 2 * wire.MOST_PARTS + 10


def test_a_sound_model_has_far_fewer_parts_than_are_let_through(made, monkeypatch):
    monkeypatch.setattr(wire, "MOST_PARTS", 500)
    scan(made["model.onnx"])
