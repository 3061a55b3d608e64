"""Registrations run right after the module they wait for, once each, whoever comes first."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from harness.verl.after_import import after_import


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"waited_for_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text("REGISTRY = {}\n")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_each_registration_runs_once_after_the_module(module: str) -> None:
    seen: list[str] = []

    def register(loaded: ModuleType) -> None:
        seen.append(loaded.__name__)
        loaded.REGISTRY["ours"] = True

    after_import({module: register})
    after_import({module: lambda _: seen.append("second")})
    assert seen == [] and module not in sys.modules
    assert importlib.import_module(module).REGISTRY == {"ours": True}
    assert seen == [module, "second"]
    after_import({module: lambda _: seen.append("late")})
    assert seen == [module, "second", "late"]


def test_plugins_are_light_until_verl_needs_them() -> None:
    """Every Ray actor imports them; most need no trainer."""
    code = (
        "import sys, harness.verl.plugins;"
        "print([m for m in ('torch', 'verl', 'ray', 'omegaconf') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
