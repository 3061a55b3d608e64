"""Stubs of SLURM's tools for every test that asks for them."""

from pathlib import Path

import pytest

from tests.submit.making import Tools, install


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """SLURM's tools as stubs."""
    return install(tmp_path, monkeypatch)
