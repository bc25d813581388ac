"""Encode plain values as bytes, and decode them. The bytes may have been written by a hostile program.

Plain values are None, bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict, range, Decimal and Fraction.
An instance of a subclass is written as its base, to which it compares equal: a Counter as a dict, a named tuple as a tuple, a
bytearray as bytes. Anything else is written as its type's name and a number by which it can be referred to later.

pickle and marshal are not suitable: they let the writer run code in the reader, or crash it.
"""

from __future__ import annotations

import struct
import time

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    _Number = Callable[[object], int]
    _Object = Callable[[int, str], object]

DEEPEST = 500
"""Maximum nesting depth."""
LARGEST = 256 << 20
"""Maximum memory of a decoded value, in bytes, roughly: an empty set takes 216 bytes, and 5 when it is encoded."""
_AT_ONCE = 256
"""Members that a set or dict takes between two looks at the clock: with colliding keys, all of them would take hours."""
_SECONDS, _SECONDS_EACH = 1.0, 5e-5
"""CPU time that a set or dict may take, and more for each member: 50 times as much as one with ordinary keys."""


class Unreadable(ValueError):
    """The bytes are not a value, or the value cannot be written."""


class _Out(bytearray):
    """What has been written, and how much that may be."""

    most: float = float("inf")


def encode(value: object, number: _Number = lambda _: 0, most: int | None = None) -> bytes:
    """`number` returns the number for a value that is not plain.

    Raises `Unreadable` if the nesting is too deep, and as soon as there are more than `most` bytes.
    """
    out = _Out()
    if most is not None:
        out.most = most
    _put(out, value, number, DEEPEST)
    return bytes(out)


def decode(data: bytes, other: _Object) -> Any:
    """`other` decodes a value that is not plain from its number and its type's name. Raises `Unreadable`."""
    reader = _Reader(data, other)
    try:
        value = reader.value(DEEPEST)
    except Unreadable:
        raise
    except Exception as error:  # unhashable members, invalid UTF-8, a zero denominator and the like
        raise Unreadable(f"{type(error).__name__}: {error}") from None
    if reader.at != len(data):
        raise Unreadable("bytes left over")
    return value


def _put(out: _Out, value: object, number: _Number, deeper: int) -> None:
    if deeper == 0:
        raise Unreadable(f"nested more than {DEEPEST} deep")
    if len(out) > out.most:
        raise Unreadable(f"a value of more than {int(out.most) >> 10} KB")
    deeper -= 1
    if value is None or value is True or value is False:
        out += b"N" if value is None else b"T" if value else b"F"
    elif isinstance(value, int):
        _bytes(out, b"i", int.to_bytes(value, int.bit_length(value) // 8 + 1, "little", signed=True))
    elif isinstance(value, str):
        _bytes(out, b"s", str.encode(value, "utf-8", "surrogatepass"))
    elif isinstance(value, float):
        out += b"f" + struct.pack("<d", value)
    elif isinstance(value, list | tuple | set | frozenset):
        base = next(base for base in _SEQUENCES if isinstance(value, base))
        out += _SEQUENCES[base] + struct.pack("<I", base.__len__(value))
        for item in base.__iter__(value):
            _put(out, item, number, deeper)
    elif isinstance(value, dict):
        out += b"d" + struct.pack("<I", dict.__len__(value))
        for key, item in dict.items(value):
            _put(out, key, number, deeper)
            _put(out, item, number, deeper)
    elif isinstance(value, bytes | bytearray):
        _bytes(out, b"b", bytes(memoryview(value)))
    elif isinstance(value, complex):
        out += b"c" + struct.pack("<dd", value.real, value.imag)
    elif type(value) is range:
        out += b"r"
        _put(out, (value.start, value.stop, value.step), number, deeper)
    elif type(value).__module__ in ("decimal", "fractions") and type(value).__name__ in ("Decimal", "Fraction"):
        _bytes(out, b"D" if type(value).__name__ == "Decimal" else b"Q", str(value).encode())
    elif (plain := number_of(value)) is not None:
        _put(out, plain, number, deeper)
    elif isinstance(value, type) and any(value is kind for kind in _PLAIN_TYPES):
        _bytes(out, b"y", type.__getattribute__(value, "__name__").encode())
    else:
        out += b"o" + struct.pack("<I", number(value))
        _bytes(out, b"s", type(value).__name__[:200].encode("utf-8", "replace"))


def number_of(value: Any) -> bool | int | float | complex | None:
    """A NumPy scalar as the number of Python that it equals; None for anything else."""
    if not any(base.__name__ == "generic" and base.__module__ == "numpy" for base in type(value).__mro__):
        return None
    plain = value.item()
    return plain if type(plain) in (bool, int, float, complex) else None


_PLAIN_TYPES = (bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict, range)
_TYPES = {kind.__name__: kind for kind in _PLAIN_TYPES}
"""Types that a test may pass as arguments, as in `without(items, int)`."""

_SEQUENCES: dict[Any, bytes] = {list: b"l", tuple: b"t", set: b"e", frozenset: b"z"}
_MAKE: dict[bytes, Callable[[Any], Any]] = {code: base for base, code in _SEQUENCES.items()}


def _bytes(out: bytearray, code: bytes, data: bytes) -> None:
    out += code + struct.pack("<I", len(data)) + data


class _Reader:
    def __init__(self, data: bytes, other: _Object) -> None:
        self.data, self.other, self.at = data, other, 0
        self.left = LARGEST

    def take(self, length: int) -> bytes:
        self.at += length
        if self.at > len(self.data):
            raise Unreadable("cut short")
        return self.data[self.at - length : self.at]

    def count(self) -> int:
        (count,) = struct.unpack("<I", self.take(4))
        self.left -= 64 + 8 * count
        if self.left < 0:
            raise Unreadable(f"a value that takes more than {LARGEST >> 20} MB")
        if count > len(self.data) - self.at:  # every member takes at least one byte
            raise Unreadable("cut short")
        return int(count)

    def written(self, most_per_byte: int = 1) -> bytes:
        """Bytes after their length; in memory each takes at most so many."""
        (length,) = struct.unpack("<I", self.take(4))
        self.left -= 64 + most_per_byte * length
        if self.left < 0:
            raise Unreadable(f"a value that takes more than {LARGEST >> 20} MB")
        return self.take(length)

    def collected(self, into: set[Any] | dict[Any, Any], members: list[Any]) -> Any:
        """The set or dict with these members. Raises `Unreadable` if that takes long, because their hashes collide."""
        self.left -= 160 + 64 * len(members)
        latest = time.process_time() + _SECONDS + _SECONDS_EACH * len(members)
        for start in range(0, len(members), _AT_ONCE):
            into.update(members[start : start + _AT_ONCE])
            if time.process_time() > latest:
                raise Unreadable("members with colliding hashes")
        return into

    def value(self, deeper: int) -> Any:
        if deeper == 0:
            raise Unreadable(f"nested more than {DEEPEST} deep")
        deeper -= 1
        code = self.take(1)
        if code in b"NTF":
            return {b"N": None, b"T": True, b"F": False}[code]
        if code == b"i":
            return int.from_bytes(self.written(), "little", signed=True)
        if code == b"s":
            return self.written(4).decode("utf-8", "surrogatepass")
        if code == b"f":
            return struct.unpack("<d", self.take(8))[0]
        if code in _MAKE:
            items = []  # no comprehension, which would double the depth of the recursion
            for _ in range(self.count()):
                items.append(self.value(deeper))
            return _MAKE[code](self.collected(set(), items) if code in b"ez" else items)
        if code == b"d":
            pairs = []
            for _ in range(self.count()):
                pairs.append((self.value(deeper), self.value(deeper)))
            return self.collected({}, pairs)
        if code == b"b":
            return self.written()
        if code == b"c":
            return complex(*struct.unpack("<dd", self.take(16)))
        if code == b"r":
            return range(*self.value(deeper))
        if code == b"y":
            return _TYPES[self.written().decode()]
        if code == b"o":
            (number,) = struct.unpack("<I", self.take(4))
            return self.other(number, str(self.value(1)))
        if code in (b"D", b"Q"):
            return _exact(code, self.written().decode())
        raise Unreadable("unknown code")


def _exact(code: bytes, text: str) -> object:
    if len(text) > 1000 or ("e" in text.lower() and code == b"Q"):
        raise Unreadable("a number out of bounds")
    if code == b"D":
        from decimal import Decimal

        return Decimal(text)
    from fractions import Fraction

    return Fraction(text)
