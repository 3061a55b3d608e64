"""Snapshots of the code, in throw-away git repositories."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness import provenance
from harness.errors import SubmitError
from harness.submit.snapshot import Code, snapshot


def git(root: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(
        ["git", *identity, *words], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed tree whose output root is outputs/, as provenance sees it."""
    root = tmp_path / "tree"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "a.py").write_text("a = 1\n")
    (root / "gone.py").write_text("")
    (root / ".gitignore").write_text("*.log\noutputs/\n")
    git(tmp_path, "init", "--quiet", str(root))
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "first")
    monkeypatch.setattr(provenance, "ROOT", root)
    return root


def taken(root: Path, output_root: str = "outputs") -> Code:
    return snapshot(root / output_root / "code", root)


def names(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def test_a_clean_tree_is_the_commit(tree: Path) -> None:
    code = taken(tree)
    assert (code.commit, code.dirty) == (git(tree, "rev-parse", "HEAD").strip(), False)
    assert code.tree == git(tree, "rev-parse", "HEAD^{tree}").strip()
    assert code.folder == tree / "outputs" / "code" / f"{code.tree[:12]}-{code.commit[:7]}"
    assert names(code.folder) == {".code.json", ".gitignore", "gone.py", "pkg/a.py"}
    assert code.text() == f"commit {code.commit[:10] if code.commit else ''}"


def test_changes_are_part_of_it_and_git_status_stays(tree: Path) -> None:
    (tree / "pkg" / "a.py").write_text("a = 2\n")
    (tree / "new.py").write_text("new")
    (tree / "staged.py").write_text("staged")
    git(tree, "add", "staged.py")
    (tree / "run.log").write_text("ignored")
    (tree / "gone.py").unlink()
    before = git(tree, "status", "--porcelain")
    index = (tree / ".git" / "index").read_bytes()
    code = taken(tree)
    assert (tree / ".git" / "index").read_bytes() == index
    assert git(tree, "status", "--porcelain") == before
    assert code.dirty and code.text().endswith("with uncommitted changes")
    assert names(code.folder) == {
        ".code.json", ".gitignore", "new.py", "pkg/a.py", "staged.py",
    }  # fmt: skip
    assert (code.folder / "pkg" / "a.py").read_text() == "a = 2\n"


def test_the_same_content_is_copied_once_and_later_edits_do_not_reach_it(tree: Path) -> None:
    first = taken(tree)
    assert taken(tree) == first
    (tree / "pkg" / "a.py").write_text("a = 3\n")
    second = taken(tree)
    assert second.folder != first.folder
    assert (first.folder / "pkg" / "a.py").read_text() == "a = 1\n"
    (tree / "pkg" / "a.py").write_text("a = 1\n")
    assert taken(tree).folder == first.folder
    assert {path.name for path in first.folder.parent.iterdir()} == {
        first.folder.name, second.folder.name,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["runs", "my [runs]", "outputs"])
def test_an_output_root_in_the_tree_is_left_out(tree: Path, name: str) -> None:
    (tree / name).mkdir()
    (tree / name / "result.json").write_text("{}")
    code = taken(tree, name)
    assert not any(name in path for path in names(code.folder))
    assert taken(tree, name) == code


def test_the_tree_by_way_of_a_link(tree: Path) -> None:
    link = tree.parent / "link"
    link.symlink_to(tree)
    (tree / "runs").mkdir()
    (tree / "runs" / "result.json").write_text("{}")
    assert "runs/result.json" not in names(snapshot(link / "runs" / "code", link).folder)


def test_links_out_of_the_tree_stay_links(tree: Path) -> None:
    (tree / "outputs").symlink_to("/scratch")  # the rule outputs/ ignores folders only
    (tree / "data").symlink_to("../data")
    code = snapshot(tree.parent / "elsewhere" / "code", tree)
    assert os.readlink(code.folder / "outputs") == "/scratch"
    assert os.readlink(code.folder / "data") == "../data"


def test_names_that_are_no_text(tree: Path) -> None:
    name = os.fsdecode(b"caf\xe9 .py")
    (tree / name).write_text("")
    assert (taken(tree).folder / name).exists()


def test_large_new_files_are_no_code(tree: Path) -> None:
    with (tree / "weights.bin").open("wb") as file:
        file.truncate(101 * 2**20)
    with pytest.raises(SubmitError, match=r"101 MB.*weights\.bin.*\.gitignore"):
        taken(tree)
    (tree / ".gitignore").write_text("*.bin\noutputs/\n")
    assert "weights.bin" not in names(taken(tree).folder)


def test_its_record_is_what_provenance_says_inside(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "pkg" / "a.py").write_text("a = 2\n")
    code = taken(tree)
    monkeypatch.setattr(provenance, "ROOT", code.folder)
    said = provenance.code()
    assert (said["commit"], said["tree"], said["dirty"]) == (code.commit, code.tree, True)
    assert "+a = 2" in said["diff"]
    assert json.loads((code.folder / ".code.json").read_text()) == said


@pytest.mark.parametrize("inside", [False, True], ids=["no git", "ignored part of another tree"])
def test_a_tree_without_git_is_copied_without_its_outputs_and_environments(
    tree: Path, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    root = tree / "outputs" / "copy" if inside else tree.parent / "plain"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "a.py").write_text("a = 1\n")
    (root / "venv").mkdir()
    (root / "venv" / "pyvenv.cfg").write_text("")
    (root / "runs").mkdir()
    (root / "runs" / "result.json").write_text("{}")
    monkeypatch.setattr(provenance, "ROOT", root)
    if not inside:
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tree.parent))
    code = taken(root, "runs")
    assert (code.commit, code.dirty) == (None, False)
    assert code.text() == "a tree without git"
    assert names(code.folder) == {".code.json", "pkg/a.py"}
    assert taken(root, "runs").folder != code.folder
