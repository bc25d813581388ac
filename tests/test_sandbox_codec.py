"""Plain values survive the way out of the sandbox; hostile bytes end in one error and nothing else."""

from __future__ import annotations

import collections
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from sdzero_bench.verifiers.sandbox.inside import codec
from sdzero_bench.verifiers.sandbox.inside.codec import DEEPEST, Unreadable, decode, encode


def there_and_back(value: Any) -> Any:
    return decode(encode(value), lambda number, name: ("object", name))


def random_value(draw: random.Random, depth: int = 4) -> Any:
    kinds = ["none", "bool", "int", "float", "str", "bytes", "complex", "range", "exact"]
    kind = draw.choice(kinds + ["list", "tuple", "dict", "set", "frozenset"] * (depth > 0))
    members = range(draw.randrange(4))
    hashable = [draw.choice([draw.random(), draw.getrandbits(70), str(draw.random()), (1, "x"), None]) for _ in members]
    return {
        "none": lambda: None,
        "bool": lambda: draw.random() < 0.5,
        "int": lambda: draw.choice([1, -1]) * draw.getrandbits(draw.choice([1, 8, 63, 64, 65, 5000])),
        "float": lambda: draw.choice([draw.random(), -0.0, float("inf"), 1e-320, 1e308]),
        "str": lambda: "".join(chr(draw.randrange(0x110000)) for _ in members),  # lone surrogates too
        "bytes": lambda: draw.randbytes(draw.randrange(5)),
        "complex": lambda: complex(draw.random(), -draw.random()),
        "range": lambda: range(draw.randrange(9), draw.randrange(9), draw.choice([1, -2])),
        "exact": lambda: draw.choice([Decimal("-1.50"), Fraction(-22, 7)]),
        "list": lambda: [random_value(draw, depth - 1) for _ in members],
        "tuple": lambda: tuple(random_value(draw, depth - 1) for _ in members),
        "dict": lambda: {key: random_value(draw, depth - 1) for key in hashable},
        "set": lambda: set(hashable),
        "frozenset": lambda: frozenset(hashable),
    }[kind]()


def same(a: Any, b: Any) -> bool:
    """Equal, of equal types throughout: 1, 1.0 and True are three things."""
    if type(a) is not type(b) or a != b:
        return False
    if isinstance(a, dict):
        return all(same(x, y) for x, y in zip(a.items(), b.items(), strict=True))
    return not isinstance(a, list | tuple) or all(map(same, a, b))


def test_plain_values_come_back_as_they_were() -> None:
    draw = random.Random(0)
    for value in (random_value(draw) for _ in range(2000)):
        assert same(there_and_back(value), value), value


def test_not_a_number_stays_one() -> None:
    assert there_and_back(float("nan")) != there_and_back(float("nan"))


Pair = collections.namedtuple("Pair", "left right")


class Liar(str):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__

    def encode(self, *_: Any) -> bytes:
        return b"another"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (collections.OrderedDict(x=1), {"x": 1}),
        (collections.defaultdict(int, {1: 2}), {1: 2}),
        (Pair(1, "x"), (1, "x")),
        (bytearray(b"x"), b"x"),
        (Liar("x"), "x"),
    ],
)
def test_a_subclass_is_what_its_base_is(value: Any, plain: Any) -> None:
    assert same(there_and_back(value), plain)


def test_other_objects_are_known_by_the_name_of_their_type() -> None:
    assert there_and_back([object(), iter("")]) == [("object", "object"), ("object", "str_ascii_iterator")]
    # A deque equals no list, in Python neither.
    assert there_and_back(collections.deque([1])) == ("object", "deque")


def test_nesting_has_an_end() -> None:
    value: list[Any] = []
    for _ in range(DEEPEST):
        value = [value]
    with pytest.raises(Unreadable, match="deep"):
        encode(value)
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(Unreadable, match="deep"):
        encode(endless)


def test_whatever_the_bytes_are_only_unreadable_is_raised() -> None:
    draw = random.Random(1)
    codes = b"NTFisfcbltezdrDQo"
    for _ in range(20_000):
        data = bytearray(encode(random_value(draw, 2)))
        for _ in range(draw.randrange(1, 4)):
            data[draw.randrange(len(data))] = draw.choice([draw.randrange(256), draw.choice(codes), 0, 255])
        try:
            decode(bytes(data[: draw.randrange(len(data) + 1)]), lambda number, name: None)
        except Unreadable:
            continue


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"?",
        b"i\xff\xff\xff\xff1",  # longer than there is
        b"l\xff\xff\xff\xffNNNN",
        b"l\x01\x00\x00\x00" * 600 + b"N",
        b"e\x01\x00\x00\x00l\x00\x00\x00\x00",  # a set of lists
        b"s\x01\x00\x00\x00\xff",
        b"Q\x03\x00\x00\x001/0",
        b"Q\x09\x00\x00\x001e9999999",
        b"rt\x01\x00\x00\x00s\x00\x00\x00\x00",
        b"NN",
    ],
)
def test_malformed(data: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(data, lambda number, name: None)


def test_keys_that_collide_and_members_that_fill_the_memory_are_refused() -> None:
    """Putting the first together would take hours, and the second gigabytes."""
    with pytest.raises(Unreadable, match="colliding"):
        there_and_back_quickly(b"e", 40_000, lambda k: (k + 1) * (2**61 - 1))
    with pytest.raises(Unreadable, match="more than"):
        decode(b"l" + (2_000_000).to_bytes(4, "little") + b"e\0\0\0\0" * 2_000_000, lambda number, name: None)
    assert there_and_back({-1, -2, 1.0, 2**61}) == {-1, -2, 1, 2**61}


def there_and_back_quickly(code: bytes, count: int, member: Any) -> Any:
    items = b"".join(encode(member(k)) for k in range(count))
    return decode(code + count.to_bytes(4, "little") + items, lambda number, name: None)


def test_a_value_that_is_too_large_is_given_up_early() -> None:
    """A trillion bytes, if it were written whole."""
    large: object = b"x" * 1000
    for _ in range(3):
        large = [large] * 1000
    with pytest.raises(Unreadable, match="a value of more than 64 KB"):
        encode(large, most=64 << 10)
    assert decode(encode([1, "two"], most=64 << 10), lambda *_: None) == [1, "two"]


def test_bytes_take_what_they_have_and_members_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report carries an answer as bytes: it is read whatever the answer would take, which is found out later."""
    monkeypatch.setattr(codec, "LARGEST", 1 << 20)
    answer = encode([[]] * 100_000)
    assert decode(encode(("test", answer)), lambda *_: None) == ("test", answer)
    for too_large in (answer, encode("x" * 300_000), encode(b"x" * (2 << 20))):
        with pytest.raises(Unreadable, match="takes more than 1 MB"):
            decode(too_large, lambda *_: None)
