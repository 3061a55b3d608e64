"""Which pinned packages a machine lacks, and how their wheels are cut into parts of a given size;
pure planning for bench/gpu/wheels.py."""

import fnmatch
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.errors import ConfigError

UNKNOWN = ""
"""Version of a package that is there in a version nobody has said."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A package at its version."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True)
class Needs:
    """What becomes of each pin."""

    download: tuple[Pin, ...]
    """Not there, or there in another version."""
    same: tuple[Pin, ...]
    """There in the pinned version."""
    kept: tuple[Pin, ...]
    """There in a version of its own that must stay."""
    left_out: tuple[Pin, ...]
    """Not wanted, whatever is there."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A file to carry: a whole wheel, or bytes of one."""

    wheel: str
    """File name of the wheel."""
    name: str
    """File name of the piece; the wheel's own for a whole one."""
    offset: int
    """First byte in the wheel."""
    size: int
    """Bytes."""


def canonical(name: str) -> str:
    """A package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(text: str, where: str) -> dict[str, str]:
    """Name -> version of lines `name==version`, or `name` alone where the version is unknown.

    Raises:
        ConfigError: a line is neither.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        entry = line.split("#")[0].split(";")[0].strip()
        if not entry or entry.startswith("-") or " @ " in entry:
            continue
        match = re.fullmatch(r"([A-Za-z0-9][\w.-]*)\s*(?:==\s*([\w.!+-]+))?", entry)
        if not match:
            raise ConfigError(
                f"{where}: {line!r} is not name==version; write it with "
                "`pip list --format=freeze > file` on the target"
            )
        found[canonical(match[1])] = match[2] or UNKNOWN
    return found


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, canonical(pattern)) for pattern in patterns)


def _same(pinned: str, there: str) -> bool:
    """Equal but for a build's own label: torch 2.11.0+cu130 is 2.11.0."""
    return there.split("+")[0] == pinned.split("+")[0]


def needs(
    pins: Mapping[str, str],
    have: Mapping[str, str],
    *,
    keep: Sequence[str],
    leave_out: Sequence[str] = (),
) -> Needs:
    """Sorts the pins by what the target has.

    Args:
        pins: name -> version wanted.
        have: name -> version there, UNKNOWN where nobody has said.
        keep: patterns of packages whose build on the target stays, whatever its version.
        leave_out: patterns of packages that are not carried at all.
    """
    sorted_: dict[str, list[Pin]] = {"download": [], "same": [], "kept": [], "left_out": []}
    for name, version in sorted(pins.items()):
        if _matches(name, leave_out):
            kind = "left_out"
        elif name in have and _same(version, have[name]):
            kind = "same"
        elif name in have and _matches(name, keep):
            kind = "kept"
        else:
            kind = "download"
        sorted_[kind].append(Pin(name, version))
    return Needs(**{kind: tuple(found) for kind, found in sorted_.items()})


def pieces(wheel: str, size: int, most: int) -> list[Piece]:
    """A wheel whole, or cut into numbered pieces of at most `most` bytes."""
    if size <= most:
        return [Piece(wheel, wheel, 0, size)]
    count = math.ceil(size / most)
    return [
        Piece(
            wheel,
            f"{wheel}.piece_{number:03d}",
            number * most,
            min(most, size - number * most),
        )
        for number in range(count)
    ]


def parts(sizes: Mapping[str, int], most: int) -> list[list[Piece]]:
    """Parts of at most `most` bytes that together hold every wheel, as few as first-fit finds.

    Args:
        sizes: file name -> bytes of each wheel.
        most: bytes of a part.
    """
    cut = [piece for name, size in sizes.items() for piece in pieces(name, size, most)]
    found: list[list[Piece]] = []
    room: list[int] = []
    for piece in sorted(cut, key=lambda piece: (-piece.size, piece.name)):
        for index, left in enumerate(room):
            if piece.size <= left:
                found[index].append(piece)
                room[index] -= piece.size
                break
        else:
            found.append([piece])
            room.append(most - piece.size)
    return found
