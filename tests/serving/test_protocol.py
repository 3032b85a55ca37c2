import json
import struct
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from chainrule.serving import parsing, protocol
from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits
from chainrule.serving.protocol import Wanted
from chainrule.serving.signature import Tensor

LIMITS = Limits()
ANY = ("batch", "width")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def tensor(datatype: str = "FP32", name: str = "x", shape=(None, None)) -> Tensor:
    return Tensor(name, datatype, shape, tuple("" if size else axis for size, axis in zip(shape, ANY, strict=False)))


INPUTS, OUTPUTS = (tensor(),), (tensor(name="y"),)


def decode(body, *, length=None, inputs=INPUTS, outputs=OUTPUTS, limits=LIMITS):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return protocol.decode(content, length, inputs, outputs, limits)


def entry(**keys):
    return {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4], **keys}


def binary(head, *tensors: bytes):
    text = json.dumps(head).encode()
    return {"body": text + b"".join(tensors), "length": len(text)}


def refused(body, reason=None, status=400, **more):
    with pytest.raises(Refusal) as caught:
        decode(body, **more)
    assert caught.value.status == status
    if reason:
        assert caught.value.reason == reason
    return caught.value.message


def arrays(datatype: str):
    """Arrays of a datatype as the protocol holds them: finite, one to three of each axis."""
    shapes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=3)
    if datatype == "BYTES":
        return hnp.arrays(object, shapes, elements=TEXTS, fill=st.nothing())
    if datatype == "BF16":
        return hnp.arrays(np.uint16, shapes, elements=st.integers(0, 0x7F7F))
    dtype = np.dtype(protocol.BINARY[datatype])
    elements = {"allow_nan": False, "allow_infinity": False} if dtype.kind == "f" else {}
    return hnp.arrays(dtype, shapes, elements=elements)


DATATYPES = [*protocol.BINARY, "BYTES"]


# ---- round trips


@pytest.mark.parametrize("datatype", DATATYPES)
@given(data=st.data())
@settings(max_examples=40)
def test_what_is_encoded_in_binary_decodes_to_the_same_bits(datatype, data):
    array = data.draw(arrays(datatype))
    length, body = protocol.encode("m", "1", None, [(Wanted(tensor(datatype), True), array)])
    answer = json.loads(body[:length])
    found = decode(
        body=json.dumps({"inputs": answer["outputs"]}).encode() + body[length:],
        length=len(json.dumps({"inputs": answer["outputs"]}).encode()),
        inputs=(tensor(datatype),),
    ).inputs["x"]
    assert found.dtype == array.dtype and found.shape == array.shape
    assert found.tolist() == array.tolist()


@pytest.mark.parametrize("datatype", [name for name in DATATYPES if name not in ("FP16", "BF16")])
@given(data=st.data())
@settings(max_examples=40)
def test_what_is_encoded_in_json_decodes_to_the_same_bits(datatype, data):
    array = data.draw(arrays(datatype))
    length, body = protocol.encode("m", "1", None, [(Wanted(tensor(datatype), False), array)])
    assert length is None
    found = decode({"inputs": json.loads(body)["outputs"]}, inputs=(tensor(datatype),)).inputs["x"]
    assert found.dtype == array.dtype and found.shape == array.shape
    assert found.tolist() == array.tolist()


@given(hnp.arrays(np.float32, (3, 5), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
@settings(max_examples=40)
def test_nested_and_flat_data_are_the_same(array):
    flat = decode({"inputs": [entry(shape=[3, 5], data=array.ravel().tolist())]})
    nested = decode({"inputs": [entry(shape=[3, 5], data=array.tolist())]})
    assert flat.inputs["x"].tobytes() == nested.inputs["x"].tobytes() == array.tobytes()


def test_data_may_be_nested_by_its_leading_axes_only():
    whole = (Tensor("x", "INT32", (None, 1, 2, 2), ("batch", "", "", "")),)
    said = {"name": "x", "shape": [2, 1, 2, 2], "datatype": "INT32", "data": [[1, 2, 3, 4], [5, 6, 7, 8]]}
    found = decode({"inputs": [said]}, inputs=whole)
    assert found.inputs["x"].tolist() == [[[[1, 2], [3, 4]]], [[[5, 6], [7, 8]]]]


def test_binary_and_json_tensors_mix_in_any_order():
    inputs = (tensor("FP32", "a"), tensor("INT64", "b"), tensor("BOOL", "c"))
    head = {
        "inputs": [
            {"name": "c", "shape": [1, 3], "datatype": "BOOL", "parameters": {"binary_data_size": 3}},
            {"name": "b", "shape": [1, 1], "datatype": "INT64", "data": [-(2**63)]},
            {"name": "a", "shape": [2, 1], "datatype": "FP32", "parameters": {"binary_data_size": 8}},
        ]
    }
    found = decode(**binary(head, b"\x01\x00\x01", struct.pack("<2f", 1.5, -2)), inputs=inputs).inputs
    assert found["a"].tolist() == [[1.5], [-2.0]]
    assert found["b"].tolist() == [[-(2**63)]]
    assert found["c"].tolist() == [[True, False, True]]
    assert found["a"].flags.aligned


# ---- the documents' own examples


def test_example_of_the_protocol():
    inputs = (tensor("UINT32", "input0"), Tensor("input1", "BOOL", (None,), ("n",)))
    request = {
        "id": "42",
        "inputs": [
            {"name": "input0", "shape": [2, 2], "datatype": "UINT32", "data": [1, 2, 3, 4]},
            {"name": "input1", "shape": [1], "datatype": "BOOL", "data": [True]},
        ],
        "outputs": [{"name": "output0"}],
    }
    found = decode(request, inputs=inputs, outputs=(tensor(name="output0"), tensor(name="output1")))
    assert found.id == "42"
    assert found.inputs["input0"].tolist() == [[1, 2], [3, 4]]
    assert [(wanted.tensor.name, wanted.binary) for wanted in found.outputs] == [("output0", False)]
    answer = np.array([[1.0, 1.1], [2.0, 2.1], [3.0, 3.1]], np.float32)
    _, body = protocol.encode("mymodel", "1", found.id, [(found.outputs[0], answer)])
    assert json.loads(body) == {
        "model_name": "mymodel",
        "model_version": "1",
        "id": "42",
        "outputs": [{"name": "output0", "shape": [3, 2], "datatype": "FP32", "data": [1.0, 1.1, 2.0, 2.1, 3.0, 3.1]}],
    }


def test_example_of_the_binary_extension():
    inputs = (tensor("UINT32", "input0"), Tensor("input1", "BOOL", (None,), ("n",)))
    head = {
        "model_name": "mymodel",
        "inputs": [
            {"name": "input0", "shape": [2, 2], "datatype": "UINT32", "parameters": {"binary_data_size": 16}},
            {"name": "input1", "shape": [3], "datatype": "BOOL", "parameters": {"binary_data_size": 3}},
        ],
        "outputs": [{"name": "output0", "parameters": {"binary_data": True}}],
    }
    content = binary(head, struct.pack("<4I", 1, 2, 3, 4), b"\x01\x01\x00")
    found = decode(**content, inputs=inputs, outputs=(tensor(name="output0"),))
    assert found.inputs["input1"].tolist() == [True, True, False]
    length, body = protocol.encode("mymodel", "1", None, [(found.outputs[0], np.ones((3, 2), np.float32))])
    assert length is not None and len(body) == length + 24
    (output,) = json.loads(body[:length])["outputs"]
    assert output == {"name": "output0", "shape": [3, 2], "datatype": "FP32", "parameters": {"binary_data_size": 24}}


def test_binary_output_by_default_and_its_exception():
    outputs = (tensor(name="a"), tensor(name="b"))
    both = decode({"inputs": [entry()], "parameters": {"binary_data_output": True}}, outputs=outputs)
    assert [wanted.binary for wanted in both.outputs] == [True, True]
    one = {
        "inputs": [entry()],
        "parameters": {"binary_data_output": True},
        "outputs": [{"name": "b", "parameters": {"binary_data": False}}, {"name": "a"}],
    }
    assert [(w.tensor.name, w.binary) for w in decode(one, outputs=outputs).outputs] == [("b", False), ("a", True)]


def test_what_no_extension_here_knows_is_ignored():
    request = {
        "inputs": [entry(parameters={"content_type": "np"})],
        "parameters": {"sequence_id": 3, "timeout": 100},
        "model_name": "m",
    }
    assert decode(request).inputs["x"].shape == (2, 2)
    assert decode({"id": None, "parameters": None, "outputs": None, "inputs": [entry(parameters=None)]}).id is None


# ---- refusals


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "z"}, "input"),
        ({"name": None}, "input"),
        ({"name": ["x"]}, "input"),
        ({"datatype": "FP64"}, "datatype"),
        ({"datatype": None}, "datatype"),
        ({"datatype": {"a": 1}}, "datatype"),
        ({"shape": None}, "shape"),
        ({"shape": [4]}, "shape"),
        ({"shape": [2, 2, 1]}, "shape"),
        ({"shape": [-2, -2]}, "shape"),
        ({"shape": [0, 2]}, "shape"),
        ({"shape": [2.0, 2]}, "shape"),
        ({"shape": [True, 4]}, "shape"),
        ({"shape": ["2", 2]}, "shape"),
        ({"shape": [[2], 2]}, "shape"),
        ({"shape": [2, 3]}, "data"),
        ({"data": None}, "data"),
        ({"data": {}}, "data"),
        ({"data": "1234"}, "data"),
        ({"data": []}, "data"),
        ({"data": [1, 2, 3]}, "data"),
        ({"data": [1, 2, 3, "4"]}, "data"),
        ({"data": [1, 2, 3, None]}, "data"),
        ({"data": [1, 2, 3, [4]]}, "data"),
        ({"data": [1, 2, 3, 1e39]}, "data"),
        ({"data": [[1, 2], [3]]}, "data"),
        ({"data": [[1, 2], 3]}, "data"),
        ({"data": [[1, 2, 3, 4]]}, "data"),
        ({"data": [[1], [2], [3], [4]]}, "data"),
        ({"data": [[[1], [2]], [[3], [4]]]}, "data"),
        ({"parameters": []}, "parameters"),
        ({"parameters": {"shared_memory_region": "r"}}, "parameters"),
        ({"parameters": {"binary_data_size": 16}}, "binary"),
        ({"parameters": {"binary_data_size": -1}}, "binary"),
        ({"parameters": {"binary_data_size": 1.5}}, "binary"),
        ({"parameters": {"binary_data_size": True}}, "binary"),
    ],
)
def test_an_input_that_does_not_fit_is_refused(change, reason):
    refused({"inputs": [entry(**change)]}, reason)


@pytest.mark.parametrize("shape", [[2**62, 2**62], [10**18, 1], [1, 4_000_001]])
def test_a_huge_shape_is_refused_before_anything_is_made_of_it(shape):
    refused({"inputs": [entry(shape=shape)]}, "too_large", 413)


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        ("UINT8", 256), ("UINT8", -1), ("INT8", 128), ("INT16", 2**15), ("UINT16", -1), ("INT32", 2**31),
        ("UINT32", 2**32), ("INT64", 2**63), ("UINT64", -1), ("UINT64", 2**64), ("INT64", 1.0), ("UINT8", "1"),
        ("BOOL", 1), ("BOOL", "true"), ("BYTES", 1), ("BYTES", None), ("FP64", "1"), ("FP16", 1.0), ("BF16", 1),
    ],
)  # fmt: skip
def test_an_element_that_is_not_of_the_type_is_refused(datatype, value):
    said = entry(shape=[1, 1], datatype=datatype, data=[value])
    refused({"inputs": [said]}, inputs=(tensor(datatype),))


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"1", b"{", b"\xff", b"NaN", b'{"inputs":[{"data":[NaN]}]}', b'{"a":1e999}', b'{"inputs":'],
)
def test_what_is_no_json_object_is_refused(body):
    refused(body)


@pytest.mark.parametrize(
    "request_",
    [
        {}, {"inputs": {}}, {"inputs": []}, {"inputs": [1]}, {"inputs": [entry(), entry()]}, {"inputs": None},
        {"inputs": [entry()], "id": 42}, {"inputs": [entry()], "id": "x" * 5000},
        {"inputs": [entry()], "outputs": {}}, {"inputs": [entry()], "outputs": 0},
        {"inputs": [entry()], "outputs": [1]},
        {"inputs": [entry()], "outputs": [{"name": "z"}]}, {"inputs": [entry()], "outputs": [{"name": "y"}] * 2},
        {"inputs": [entry()], "outputs": [{"name": "y", "parameters": {"binary_data": 1}}]},
        {"inputs": [entry()], "outputs": [{"name": "y", "parameters": {"classification": 3}}]},
        {"inputs": [entry()], "parameters": {"binary_data_output": "yes"}}, {"inputs": [entry()], "parameters": 3},
    ],
)  # fmt: skip
def test_a_request_that_does_not_fit_is_refused(request_):
    refused(request_)


def test_a_missing_input_is_named():
    message = refused({"inputs": [entry()]}, "input", inputs=(tensor(), tensor(name="mask")))
    assert "mask" in message


def test_a_large_body_of_empty_texts_is_read_in_a_moment():
    said = b'{"inputs":[{"name":"x","shape":[1,4000000],"datatype":"BYTES","data":[""' + b',""' * 3_999_999 + b"]}]}"
    began = time.process_time()
    parsing.parse(said, LIMITS)
    assert time.process_time() - began < 0.6  # a pattern took 1.2 s


def test_depth_is_counted_beyond_texts_and_escapes():
    for text in ('"' * 3 + "[" * 30, "\\" * 5 + "{" * 30, "\\", "\u0022["):
        assert decode({"inputs": [entry()], "parameters": {"a": [text, [text] * 20]}})
        filler = [[text]] * 100_000  # more than one piece of the body
        assert decode({"inputs": [entry()], "parameters": {"a": filler}})
        deep = json.loads("[" * 16 + "]" * 16)
        refused({"inputs": [entry()], "parameters": {"a": [text, deep]}}, "json_depth")
        refused({"inputs": [entry(more=deep)]}, "json_depth")
        refused({"inputs": [entry()], "parameters": {"a": filler, "b": deep}}, "json_depth")


@pytest.mark.parametrize("depth", [17, 500, 5_000])
def test_deep_nesting_is_refused(depth):
    deep = b"[" * depth + b"]" * depth
    refused(b'{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":' + deep + b"}]}")
    refused(b'{"inputs":' + deep + b"}")
    refused(b'{"other":' + deep + b"}")
    refused(b'{"parameters":{"p":' + deep + b'},"inputs":' + json.dumps([entry()]).encode() + b"}")


def test_a_large_body_of_brackets_is_refused_without_being_parsed():
    refused(b'{"inputs":[' + b"[]," * 1_000_000 + b"1]}", "too_large", 413)
    refused(b'{"inputs":' + b"[" * 300_000, "json_depth")
    quotes = b'{"id":"' + b'\\"' * 1_000_000  # a text that nothing closes
    refused(quotes, "json")


def test_brackets_within_texts_do_not_count():
    text = "[" * 90_000
    said = entry(shape=[1, 4], datatype="BYTES", data=[text] * 4)
    assert decode({"inputs": [said]}, inputs=(tensor("BYTES"),)).inputs["x"][0, 3] == text


def test_a_text_that_is_too_long_is_refused():
    said = entry(shape=[1, 1], datatype="BYTES", data=["x" * 11])
    refused({"inputs": [said]}, "too_large", 413, inputs=(tensor("BYTES"),), limits=Limits(characters=10))


@pytest.mark.parametrize("length", [-1, 10_000])
def test_a_header_length_beyond_the_body_is_refused(length):
    refused({"inputs": [entry()]}, "header", length=length)


def test_a_body_without_json_is_one_item():
    found = decode(np.array([1, 2, 3], "<f4").tobytes(), length=0)
    assert found.inputs["x"].tolist() == [[1.0, 2.0, 3.0]]
    assert found.outputs == [Wanted(OUTPUTS[0], binary=True)]
    text = decode("süß".encode(), length=0, inputs=(tensor("BYTES", shape=(None, 1)),))
    assert text.inputs["x"].tolist() == [["süß"]]


@pytest.mark.parametrize("body", [b"", bytes(3), bytes(5), np.array([np.nan], "<f4").tobytes()])
def test_a_body_without_json_that_does_not_fit_is_refused(body):
    refused(body, length=0)


@pytest.mark.parametrize(
    "inputs",
    [
        (tensor(), tensor(name="z")),
        (Tensor("x", "FP32", (None, None, None), ("batch", "a", "b")),),
        (tensor("BYTES", shape=(None, 2)),),
    ],
)
def test_a_body_without_json_is_refused_where_its_shape_is_not_plain(inputs):
    refused(bytes(4), "binary", length=0, inputs=inputs)
    refused(bytes(40), "too_large", 413, length=0, limits=Limits(elements=5))


def test_truncated_and_overlong_binary_is_refused():
    head = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}]}
    body = binary(head, bytes(8))
    assert decode(**body).inputs["x"].tolist() == [[0.0, 0.0]]
    for tail in (b"", bytes(7), bytes(9), bytes(16)):
        wrong = binary(head, tail)
        refused(wrong["body"], "binary", length=wrong["length"])
    both = binary({"inputs": [{**head["inputs"][0], "data": [1, 2]}]}, bytes(8))
    refused(both["body"], "binary", length=both["length"])
    other = binary({"inputs": [{**head["inputs"][0], "shape": [1, 3]}]}, bytes(8))
    refused(other["body"], "binary", length=other["length"])


@pytest.mark.parametrize(
    ("datatype", "bits"),
    [
        ("FP32", struct.pack("<f", float("nan"))), ("FP32", struct.pack("<f", float("inf"))),
        ("FP64", struct.pack("<d", float("-inf"))), ("FP16", struct.pack("<e", float("nan"))), ("BF16", b"\x80\x7f"),
        ("BF16", b"\xc0\xff"),
    ],
)  # fmt: skip
def test_nan_and_infinity_are_refused(datatype, bits):
    said = {"name": "x", "shape": [1, 1], "datatype": datatype, "parameters": {"binary_data_size": len(bits)}}
    body = binary({"inputs": [said]}, bits)
    refused(body["body"], "not_finite", length=body["length"], inputs=(tensor(datatype),))


@pytest.mark.parametrize(
    "bits", [b"", b"\x00", b"\x01\x00\x00\x00", b"\xff\xff\xff\xffx", b"\x00\x00\x00\x00x", b"\x01\x00\x00\x00\xff"]
)
def test_broken_bytes_elements_are_refused(bits):
    said = {"name": "x", "shape": [1, 1], "datatype": "BYTES", "parameters": {"binary_data_size": len(bits)}}
    body = binary({"inputs": [said]}, bits)
    refused(body["body"], length=body["length"], inputs=(tensor("BYTES"),))


def test_a_bool_that_is_no_byte_0_or_1_is_refused():
    said = {"name": "x", "shape": [1, 1], "datatype": "BOOL", "parameters": {"binary_data_size": 1}}
    body = binary({"inputs": [said]}, b"\x02")
    refused(body["body"], "binary", length=body["length"], inputs=(tensor("BOOL"),))


def test_outputs_that_json_cannot_say_are_refused():
    for value in (np.nan, np.inf):
        with pytest.raises(Refusal, match="binary") as caught:
            protocol.encode("m", "1", None, [(Wanted(tensor(), False), np.full((1, 1), value, np.float32))])
        assert caught.value.status == 400
    refused({"inputs": [entry()]}, "datatype", outputs=(tensor("FP16", "y"),))
    length, body = protocol.encode("m", "1", None, [(Wanted(tensor(), True), np.full((1, 1), np.nan, np.float32))])
    assert np.isnan(np.frombuffer(body[length:], "<f4")).all()


def test_an_output_that_is_a_part_of_a_batch_is_encoded_as_that_part():
    whole = np.arange(12, dtype=np.float32).reshape(4, 3)
    _, body = protocol.encode("m", "1", None, [(Wanted(tensor(), False), whole[1:3])])
    assert json.loads(body)["outputs"][0]["data"] == [3, 4, 5, 6, 7, 8]


# ---- anything at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=12,
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["x", "y"]) | JSON,
        "shape": st.lists(st.integers(-3, 4) | st.integers(), max_size=3) | JSON,
        "datatype": st.sampled_from(DATATYPES) | JSON,
        "data": st.lists(st.integers() | st.floats() | st.text(max_size=3) | st.booleans(), max_size=6) | JSON,
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": st.integers(-1, 40) | JSON}) | JSON,
    },
)
REQUEST = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=5) | JSON,
        "inputs": st.lists(ENTRY | JSON, max_size=3) | JSON,
        "outputs": st.lists(ENTRY | JSON, max_size=3) | JSON,
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_output": st.booleans() | JSON}) | JSON,
    },
)


def hold(body: bytes, length: int | None, inputs) -> None:
    """Decode or refuse in order, never anything else."""
    refusal = None
    try:
        found = protocol.decode(body, length, inputs, OUTPUTS, LIMITS)
    except Refusal as caught:
        refusal = caught
    if refusal is None:
        assert set(found.inputs) == {each.name for each in inputs}
    else:
        assert refusal.status in (400, 413) and refusal.message and len(refusal.message) < 1000


@given(REQUEST, st.binary(max_size=40), st.sampled_from(DATATYPES), st.booleans(), st.integers(-3, 3))
@settings(max_examples=400)
def test_any_request_is_decoded_or_refused(request_, tail, datatype, with_binary, off):
    head = json.dumps(request_).encode()
    hold(head + tail, len(head) + off if with_binary else None, (tensor(datatype),))


@given(st.binary(max_size=200), st.none() | st.integers(-10, 300))
@settings(max_examples=200)
def test_any_bytes_are_decoded_or_refused(body, length):
    hold(body, length, (tensor(),))


@given(st.integers(0, 200), st.integers(0, 255), st.sampled_from(DATATYPES))
@settings(max_examples=300)
def test_a_good_request_with_a_changed_byte_is_decoded_or_refused(place, byte, datatype):
    size = 2 * np.dtype(protocol.BINARY[datatype]).itemsize if datatype != "BYTES" else 12
    said = {"name": "x", "shape": [1, 2], "datatype": datatype, "parameters": {"binary_data_size": size}}
    content = binary({"inputs": [said]}, bytes(size))
    body = bytearray(content["body"])
    body[place % len(body)] = byte
    hold(bytes(body), content["length"], (tensor(datatype),))
