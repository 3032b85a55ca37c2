"""What a request may say of how its text is made: all that is wrong at once, and nothing that cannot be."""

import math

import pytest

from chainrule.serving.decoding.settings import Settings, read
from chainrule.system.errors import DataError

DEFAULTS = Settings(max_new_tokens=50, beams=5, length_penalty=0.6)


def test_what_is_not_said_is_the_models():
    assert read({}, DEFAULTS) == DEFAULTS
    assert read({"beams": 2, "length_penalty": 1}, DEFAULTS) == Settings(50, 2, 1.0)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("temperature", math.nan, "temperature must be a number of at least 0 and at most 100, not nan"),
        ("temperature", "warm", "temperature must be a number of at least 0 and at most 100, not 'warm'"),
        ("temperature", True, "temperature must be a number of at least 0 and at most 100, not True"),
        ("top_p", 0, "top_p must be a number above 0 and at most 1, not 0"),
        ("top_p", 1.5, "top_p must be a number above 0 and at most 1, not 1.5"),
        ("max_new_tokens", -3, "max_new_tokens must be a whole number of at least 1, not -3"),
        ("max_new_tokens", 2.5, "max_new_tokens must be a whole number of at least 1, not 2.5"),
        ("top_k", -1, "top_k must be a whole number of at least 0, not -1"),
        ("seed", 2**60, "seed must be a whole number of at least 0 and at most 9.0072e+15, not 1152921504606846976"),
        ("early_stopping", 1, "early_stopping must be true or false, not 1"),
        ("warmth", 1, "'warmth' is no setting of a text"),
    ],
)
def test_each_wrong_value_has_its_line(name, value, words):
    with pytest.raises(DataError, match="^" + words.replace("+", r"\+")):
        read({name: value}, DEFAULTS)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(DataError, match=r"top_p must .*; beams must "):
        read({"top_p": 0, "beams": 0}, DEFAULTS)


def test_beams_do_not_draw():
    assert read({"temperature": 0.8}, DEFAULTS).beams == 1
    assert read({"beams": 3}, Settings(temperature=0.8)).temperature == 0
    with pytest.raises(DataError, match="exclude each other"):
        read({"temperature": 0.8, "beams": 3}, DEFAULTS)
    assert read({"temperature": 0.8, "beams": 1}, DEFAULTS) == Settings(50, 1, 0.6, temperature=0.8)
