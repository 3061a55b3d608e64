"""What each project took to add, counted in files and lines that it alone has:
`python bench/recipe_size.py`. A new project should need none in harness/ or evals/."""

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from harness.explain import CONF_DIR, options
from harness.files import read_yaml
from harness.recipe_files import files_of

ROOT = Path(__file__).parents[1]
KINDS = {
    "conf": "recipes and options",
    "card": "card and README",
    "upstream": "what upstream runs",
    "golden": "golden cases",
    "python": "Python of its own",
    "tests": "tests",
}


def project_of(recipe: str) -> str:
    """The project that a recipe file names; for a variant that of the recipe it builds on."""
    for path in files_of(recipe):
        content = read_yaml(path) if path.suffix == ".yaml" else {}
        if path.parent == CONF_DIR / "repro" and "repro" in content:
            return str(content["repro"])
    raise ValueError(f"conf/repro/{recipe}.yaml names no project")


def kind_of(path: Path) -> str:
    """What a file of a project is for."""
    if path.is_relative_to(CONF_DIR):
        return "conf"
    if path.is_relative_to(ROOT / "tests"):
        return "tests"
    if path.suffix == ".py":
        return "python"
    return "upstream" if path.parent.name == "upstream" else (
        "golden" if path.suffix == ".jsonl" else "card"
    )  # fmt: skip


def own_files(projects: dict[str, set[Path]], project: str) -> Iterator[Path]:
    """The files below conf/ that no other project reads, its folder and its tests."""
    others = set().union(*(read for name, read in projects.items() if name != project))
    for path in projects[project] - others:
        yield from (p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    yield from (ROOT / "tests" / "reproductions").glob(f"test_{project}*.py")


def added(project: str) -> str:
    """When the project's card was committed first; oldest projects sort first."""
    card = f"reproductions/{project}/card.yaml"
    done = subprocess.run(
        ["git", "log", "--diff-filter=A", "--format=%cI", "--", card],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return (done.stdout.split() or ["?"])[-1]


def main() -> None:
    """Print one row a project, the latest last."""
    projects: dict[str, set[Path]] = {}
    for recipe in options("repro"):
        projects.setdefault(project_of(recipe), set()).update(files_of(recipe))
    print(f"{'project':<20} {'files':>5} {'lines':>6}   " + "  ".join(KINDS))
    for project in sorted(projects, key=added):
        files = [p for p in own_files(projects, project) if "__pycache__" not in p.parts]
        lines: Counter[str] = Counter()
        for path in files:
            lines[kind_of(path)] += len(path.read_text().splitlines())
        cells = "  ".join(f"{lines[kind]:>{len(kind)}}" for kind in KINDS)
        print(f"{project:<20} {len(files):>5} {lines.total():>6}   {cells}")
    print("\n" + "; ".join(f"{kind}: {says}" for kind, says in KINDS.items()))


if __name__ == "__main__":
    main()
