"""The pinned packages for a GPU machine without network, as wheels in parts that can be carried:
python -m bench.gpu.wheels --have there.txt --out wheels, then install.sh on the target."""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.gpu.check import OPTIONAL
from bench.gpu.wheel_parts import Needs, Piece, Pin, canonical, needs, parts, read_pins
from harness.errors import RepriseError
from harness.files import write_json, write_text
from harness.paths import ROOT

PINS = ROOT / ".ci" / "pins" / "gpu.txt"
INSTALL = Path(__file__).parent / "install_wheels.sh"
KEEP = ("torch", "torchvision", "torchaudio", "triton", "nvidia-*", "cuda-toolkit")
"""Where the target has them, its own builds stay: they fit its driver and each other."""
MB = 1_000_000
OLDEST_GLIBC = 5
BLOCK = 2**20


def platforms(glibc: int) -> list[str]:
    """Platform tags that a machine with glibc 2.<glibc> takes; pip compares them letter by
    letter."""
    newest_first = [f"manylinux_2_{minor}_x86_64" for minor in range(glibc, OLDEST_GLIBC - 1, -1)]
    return [*newest_first, "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"]


def file_of(pin: Pin, folder: Path) -> Path | None:
    """The wheel of a pin that lies in a folder already, or its source where it has no wheel."""
    for path in sorted(folder.glob("*.whl")) + sorted(folder.glob("*.tar.gz")):
        if path.suffix == ".whl":
            name, version = path.name.split("-")[:2]
        else:
            name, version = path.name.removesuffix(".tar.gz").rsplit("-", 1)
        if canonical(name) == pin.name and version.split("+")[0] == pin.version.split("+")[0]:
            return path
    return None


def _pip(*words: str) -> str | None:
    """Runs pip; what it said when it failed, null when it did not."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, "--no-deps", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
    )
    return None if done.returncode == 0 else (done.stderr or done.stdout).strip()


def fetch(pin: Pin, folder: Path, python: str, glibc: int) -> str | None:
    """Brings the wheel of a pin into a folder; why not, where nothing could be brought.

    A package without a wheel is built here; when what comes out is for this machine alone, its
    source is taken, and install.sh builds it on the target.
    """
    if file_of(pin, folder):
        return None
    tags = [word for tag in platforms(glibc) for word in ("--platform", tag)]
    target = ["--python-version", python, "--implementation", "cp", *tags]
    refusal = _pip(
        "download", "--quiet", "--only-binary=:all:", *target, "--dest", str(folder), str(pin)
    )
    if refusal is None:
        return None
    scratch = folder / ".built"
    _pip("wheel", "--quiet", "--no-binary", pin.name, "-w", str(scratch), str(pin))
    built = file_of(pin, scratch)
    if built and built.name.endswith("-none-any.whl"):
        shutil.move(built, folder / built.name)
        return None
    source = _pip("download", "--quiet", "--no-binary", pin.name, "-d", str(folder), str(pin))
    return source and f"{refusal.splitlines()[-1]}; its source: {source.splitlines()[-1]}"


def download(
    pins: Sequence[Pin], folder: Path, python: str, glibc: int
) -> tuple[list[Path], dict[str, str]]:
    """The files of the pins, and the pins that have none with the reason."""
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Path] = []
    refused: dict[str, str] = {}
    for number, pin in enumerate(pins, start=1):
        reason = fetch(pin, folder, python, glibc)
        path = file_of(pin, folder)
        if path is None:
            refused[str(pin)] = reason or "pip ended well and brought no wheel"
            print(f"{number}/{len(pins)} {pin}: none ({refused[str(pin)]})", flush=True)
            continue
        found.append(path)
        print(f"{number}/{len(pins)} {path.name} {path.stat().st_size / MB:.1f} MB", flush=True)
    return found, refused


def digest_of(path: Path, offset: int = 0, size: int | None = None) -> str:
    """sha256 of a file, or of some of its bytes."""
    total, left = hashlib.sha256(), path.stat().st_size - offset if size is None else size
    with path.open("rb") as file:
        file.seek(offset)
        while left and (block := file.read(min(BLOCK, left))):
            total.update(block)
            left -= len(block)
    return total.hexdigest()


def _put(source: Path, piece: Piece, folder: Path) -> None:
    """A piece of a wheel into its part: a link for a whole one, a copy of its bytes else."""
    target = folder / piece.name
    if piece.name == piece.wheel:
        target.hardlink_to(source)
        return
    with source.open("rb") as file, target.open("wb") as out:
        file.seek(piece.offset)
        left = piece.size
        while left:
            block = file.read(min(BLOCK, left))
            out.write(block)
            left -= len(block)


def write_parts(wheels: Sequence[Path], out: Path, most: int) -> list[list[Piece]]:
    """Folders part_001, part_002, ... below `out`, each with install.sh and the list of all files;
    parts of an earlier call are removed."""
    for old in out.glob("part_*"):
        shutil.rmtree(old)
    where = {wheel.name: wheel for wheel in wheels}
    found = parts({name: path.stat().st_size for name, path in where.items()}, most)
    whole = {name: digest_of(path) for name, path in where.items()}
    lines = []
    for number, part in enumerate(found, start=1):
        folder = out / f"part_{number:03d}"
        folder.mkdir(parents=True)
        for piece in part:
            source = where[piece.wheel]
            _put(source, piece, folder)
            digest = digest_of(source, piece.offset, piece.size)
            lines.append("\t".join([folder.name, piece.name, digest, piece.wheel,
                                    whole[piece.wheel]]))  # fmt: skip
    for folder in sorted(out.glob("part_*")):
        write_text(folder / "files.tsv", "".join(line + "\n" for line in lines))
        shutil.copy(INSTALL, folder / "install.sh")
    return found


def manifest(needed: Needs, wheels: Sequence[Path], found: list[list[Piece]],
             refused: dict[str, str]) -> dict[str, object]:  # fmt: skip
    """What was decided and made, for a reader."""
    return {
        "megabytes": round(sum(path.stat().st_size for path in wheels) / MB, 1),
        "parts": [[asdict(piece) for piece in part] for part in found],
        "same": [str(pin) for pin in needed.same],
        "kept": [str(pin) for pin in needed.kept],
        "left_out": [str(pin) for pin in needed.left_out],
        "built_there": [path.name for path in wheels if path.suffix != ".whl"],
        "not_available": refused,
    }


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu.wheels", description=__doc__)
    parser.add_argument("--python", default="3.12", help="the target's Python (3.12)")
    parser.add_argument(
        "--have", type=Path, required=True, help="`pip list --format=freeze` of the target"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for wheels and parts")
    parser.add_argument("--max-mb", type=int, default=60, help="size of a part (60)")
    parser.add_argument("--pins", type=Path, default=PINS, help="the pinned packages")
    parser.add_argument(
        "--keep", action="append", metavar="NAME", help=f"stays as the target has it ({KEEP})"
    )
    parser.add_argument(
        "--leave-out", action="append", default=[], metavar="NAME", help="is not carried"
    )
    parser.add_argument(
        "--lean", action="store_true", help="leaves out what the measurements here never import"
    )
    parser.add_argument("--glibc", type=int, default=39, help="2.<glibc> of the target (39)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 when every package that is needed is there as a wheel or as source."""
    given = parsed(arguments)
    try:
        needed = needs(
            read_pins(given.pins.read_text(), str(given.pins)),
            read_pins(given.have.read_text(), str(given.have)),
            keep=given.keep or KEEP,
            leave_out=[*given.leave_out, *(OPTIONAL if given.lean else ())],
        )
    except (RepriseError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(needed.same)} there, {len(needed.kept)} kept, {len(needed.download)} to carry")
    wheels, refused = download(needed.download, given.out / "wheels", given.python, given.glibc)
    found = write_parts(wheels, given.out, given.max_mb * MB)
    content = manifest(needed, wheels, found, refused)
    write_json(given.out / "manifest.json", content)
    print(f"{len(wheels)} files, {content['megabytes']} MB, {len(found)} parts in {given.out}")
    if content["built_there"]:
        print(f"no wheel, install.sh builds on the target: {content['built_there']}")
    if refused:
        print(f"not available: {json.dumps(refused, indent=1)}")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
