"""The code that a submission runs: a copy of the working tree, named by its content, which later
edits do not reach; freeze.py makes one for each submission."""

import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness.errors import SubmitError
from harness.files import write_json
from harness.paths import ROOT
from harness.provenance import CODE_RECORD, code

NAME_DIGITS = 12
MOST_NEW_MB = 100
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "outputs", "*.egg-info")
"""Of a tree without git."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A snapshot."""

    folder: Path
    tree: str
    """git's hash of the content; of a tree without git, the folder's name."""
    commit: str | None
    dirty: bool
    """The working tree differed from the commit."""

    def text(self) -> str:
        """For people: commit and whether there were changes."""
        if self.commit is None:
            return "a tree without git"
        return f"commit {self.commit[:10]}" + (" with uncommitted changes" if self.dirty else "")


def snapshot(parent: Path, root: Path = ROOT) -> Code:
    """Copies the working tree (tracked and new files, not the ignored ones) below `parent`.

    The same content is copied once. Changes are part of the copy, and its record keeps the
    difference to the commit. What lies beside `parent` (the output root) is left out.

    Raises:
        SubmitError: git failed, or the new files are too large to be code.
    """
    root = root.resolve()
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None or _git(root, "rev-parse", "--show-toplevel") != str(root):
        return _without_git(parent, root)
    tree = _tree(root, without=parent.parent)
    made = Code(
        folder=parent / f"{tree[:NAME_DIGITS]}-{commit[:7]}",
        tree=tree,
        commit=commit,
        dirty=tree != _git(root, "rev-parse", "HEAD^{tree}"),
    )
    if not made.folder.is_dir():
        _unpack(root, made)
    return made


def _tree(root: Path, without: Path) -> str:
    """git's hash of the working tree, by way of a copy of its index: the user's stays as it is."""
    chosen = [".", *_excluded(root, without.resolve())]
    _refuse_large(root, chosen)
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        used = _git(root, "rev-parse", "--path-format=absolute", "--git-path", "index")
        if used and Path(used).exists():
            shutil.copyfile(used, index)  # with what git knows of unchanged files: fast
        added = _git(root, "add", "--all", "--", *chosen, index=index)
        tree = _git(root, "write-tree", index=index)
    if added is None or not tree:
        raise SubmitError(
            f"git could not record the working tree of {root}: run `git status` there, and submit "
            "again when it answers"
        )
    return tree


def _excluded(root: Path, folder: Path) -> list[str]:
    """git's words for leaving a folder of the tree out; it refuses to hear of an ignored one."""
    if not folder.is_relative_to(root) or folder == root:
        return []
    name = str(folder.relative_to(root))
    ignored = _git(root, "check-ignore", "--quiet", name) is not None
    return [] if ignored else [f":(exclude,literal){name}"]


def _refuse_large(root: Path, chosen: list[str]) -> None:
    listed = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *chosen) or ""
    new = [root / name for name in listed.split("\0") if name]
    sizes = {path: path.lstat().st_size for path in new if os.path.lexists(path)}
    if (total_mb := sum(sizes.values()) / 2**20) > MOST_NEW_MB:
        largest = max(sizes, key=lambda path: sizes[path])
        raise SubmitError(
            f"{total_mb:.0f} MB of files that git does not know lie in {root} (the largest: "
            f"{largest}), and a submission copies the code with them; {MOST_NEW_MB} MB are "
            "allowed: move them out of the tree, or name them in .gitignore"
        )


def _unpack(root: Path, made: Code) -> None:
    made.folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=made.folder.parent) as partial:
        inner = Path(partial) / "code"
        git = ["git", "archive", "--format=tar", made.tree]
        try:
            with (
                subprocess.Popen(git, cwd=root, stdout=subprocess.PIPE) as process,
                tarfile.open(fileobj=process.stdout, mode="r|") as archive,
            ):
                # Our own tree: a link out of it (outputs -> /scratch) is as good as a file.
                archive.extractall(inner, filter="fully_trusted")
        except tarfile.TarError as error:
            raise SubmitError(f"git could not copy the code of {root}: {error}") from error
        write_json(inner / CODE_RECORD, {**code(), "tree": made.tree, "dirty": made.dirty})
        _put(inner, made.folder)


def _put(inner: Path, folder: Path) -> None:
    """In one step; somebody else's copy of the same content does as well."""
    try:
        inner.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _without_git(parent: Path, root: Path) -> Code:
    """A tree that came without git (an archive) is copied as it is, anew each time."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="tree-", dir=parent))
    outputs = parent.parent.resolve()

    def left_out(within: str, names: list[str]) -> set[str]:
        own = {name for name in names if Path(within, name).resolve() == outputs}
        venvs = {name for name in names if Path(within, name, "pyvenv.cfg").exists()}
        return own | venvs | LEFT_OUT(within, names)

    shutil.copytree(root, folder, ignore=left_out, symlinks=True, dirs_exist_ok=True)
    folder.chmod(0o755)
    write_json(folder / CODE_RECORD, {**code(), "tree": folder.name, "dirty": False})
    return Code(folder=folder, tree=folder.name, commit=None, dirty=False)


def _git(root: Path, *arguments: str, index: Path | None = None) -> str | None:
    environment = {**os.environ, **({"GIT_INDEX_FILE": str(index)} if index else {})}
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, env=environment, capture_output=True, text=True,
            check=True, errors="surrogateescape",
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
