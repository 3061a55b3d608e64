"""Wheels for a machine without network: what is carried, how it is cut, and that install.sh puts it
together and installs it."""

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bench.gpu.wheel_parts import Pin, canonical, needs, parts, pieces, read_pins
from bench.gpu.wheels import digest_of, file_of, platforms, write_parts
from harness.errors import ConfigError

PINS = {"torch": "2.11.0", "numpy": "2.3.5", "triton": "3.6.0", "vllm": "0.24.0", "opencv": "5"}


def names(pins: tuple[Pin, ...]) -> list[str]:
    return [pin.name for pin in pins]


def fake_wheel(folder: Path, name: str, size: int) -> Path:
    """A wheel that pip installs: one module with `size` random bytes beside it."""
    noise = bytes(hashlib.sha256(f"{name}{i}".encode()).digest()[0] for i in range(size))
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}/__init__.py": f"SIZE = {size}\n".encode(),
        f"{name}/noise": noise,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}")
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return wheel


def install(part: Path, store: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(part / "install.sh"), str(store), str(site)],
        capture_output=True, text=True, env={**os.environ, "PYTHON": sys.executable},
    )  # fmt: skip


def test_the_same_version_and_what_must_stay_are_not_carried() -> None:
    have = {"torch": "2.11.0+cu130", "numpy": "2.5.2", "triton": "3.5.0", "opencv": ""}
    found = needs(PINS, have, keep=["triton"])
    assert names(found.same) == ["torch"]
    assert names(found.kept) == ["triton"]
    assert names(found.download) == ["numpy", "opencv", "vllm"]


def test_what_must_stay_is_carried_where_it_is_not_there() -> None:
    assert names(needs(PINS, {}, keep=["torch", "triton"]).download) == sorted(PINS)


def test_left_out_by_pattern() -> None:
    found = needs(PINS, {}, keep=[], leave_out=["t*", "vLLM"])
    assert names(found.left_out) == ["torch", "triton", "vllm"]
    assert names(found.download) == ["numpy", "opencv"]


def test_lines_of_a_package_list() -> None:
    text = "# comment\nNumPy==2.5.2\n-e git+x\nmy_pkg @ file:///x\nzope.interface\n"
    assert read_pins(text, "there.txt") == {"numpy": "2.5.2", "zope-interface": ""}
    assert canonical("Zope._Interface") == "zope-interface"
    with pytest.raises(ConfigError, match=r"there\.txt.*pip list --format=freeze"):
        read_pins("numpy 2.5.2", "there.txt")


def test_a_large_wheel_is_cut_and_every_byte_is_somewhere_once() -> None:
    found = pieces("big.whl", 25, 10)
    assert [(piece.offset, piece.size) for piece in found] == [(0, 10), (10, 10), (20, 5)]
    assert [piece.name for piece in found] == [f"big.whl.piece_00{n}" for n in range(3)]
    assert [piece.name for piece in pieces("small.whl", 10, 10)] == ["small.whl"]


def test_parts_are_full_but_never_too_full() -> None:
    sizes = {"a": 25, "b": 4, "c": 5, "d": 1, "e": 9}
    found = parts(sizes, 10)
    assert all(sum(piece.size for piece in part) <= 10 for part in found)
    assert sum(piece.size for part in found for piece in part) == sum(sizes.values())
    assert len(found) == 5


def test_tags_of_a_glibc() -> None:
    found = platforms(28)
    assert found[0] == "manylinux_2_28_x86_64" and "manylinux_2_29_x86_64" not in found
    assert {"manylinux_2_17_x86_64", "manylinux2014_x86_64"} <= set(found)


def test_a_file_is_found_under_any_spelling(tmp_path: Path) -> None:
    wheel = tmp_path / "My_Pkg-1.0+cu130-py3-none-any.whl"
    wheel.touch()
    assert file_of(Pin("my-pkg", "1.0"), tmp_path) == wheel
    assert file_of(Pin("my-pkg", "1.1"), tmp_path) is None
    source = tmp_path / "other-pkg-0.6.6.tar.gz"
    source.touch()
    assert file_of(Pin("other-pkg", "0.6.6"), tmp_path) == source


def test_parts_are_carried_one_by_one_and_the_last_one_installs(tmp_path: Path) -> None:
    wheels = [fake_wheel(tmp_path, "large_one", 25_000), fake_wheel(tmp_path, "small_one", 10)]
    made = write_parts(wheels, tmp_path / "out", 10_000)
    folders = sorted((tmp_path / "out").glob("part_*"))
    assert len(made) == len(folders) == 3
    store, site = tmp_path / "store", tmp_path / "site"
    for missing, folder in zip((2, 1), folders, strict=False):
        done = install(folder, store, site)
        assert done.returncode == 3, done.stderr
        assert len(done.stdout.split()) == 1 + missing and not site.exists()
    done = install(folders[-1], store, site)
    assert done.returncode == 0, done.stderr
    assert f"2 packages are in {site}" in done.stdout
    assert len((site / "large_one" / "noise").read_bytes()) == 25_000
    for wheel in wheels:
        assert digest_of(store / wheel.name) == digest_of(wheel)


def test_a_damaged_part_is_refused_and_can_be_carried_again(tmp_path: Path) -> None:
    wheel = fake_wheel(tmp_path, "large_one", 15_000)
    write_parts([wheel], tmp_path / "out", 10_000)
    first, second = sorted((tmp_path / "out").glob("part_*"))
    (piece,) = first.glob("*.piece_*")
    whole = piece.read_bytes()
    piece.write_bytes(whole[:-1] + b"?")
    done = install(first, tmp_path / "store", tmp_path / "site")
    assert done.returncode == 1 and "damaged" in done.stderr
    piece.write_bytes(whole)
    assert install(first, tmp_path / "store", tmp_path / "site").returncode == 3
    assert install(second, tmp_path / "store", tmp_path / "site").returncode == 0
