"""Cluster profiles: what a file says, what wins over it, and what is refused."""

from functools import cache
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from harness.compose import to_run_spec
from harness.errors import ConfigError
from harness.profiles import PROFILES, read_profile, with_profile
from harness.spec import SlurmLaunch
from tests.composing import config_of, spec_of


@cache
def base() -> DictConfig:
    return config_of("launch=slurm")


def launch_of(*overrides: str) -> SlurmLaunch:
    launch = to_run_spec(OmegaConf.merge(base(), OmegaConf.from_dotlist([*overrides]))).launch
    assert isinstance(launch, SlurmLaunch)
    return launch


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "partition: gpu\naccount: 12345\ntime_min: 600\n"
        "container: {kind: apptainer, image: /images/a.sif, mounts: [/a]}\n"
        "environment: {A: '1', OMP_NUM_THREADS: 4}\nsbatch: {mail-type: END, nice: 5}\n"
        "modules: [cuda]\n"
    )
    return path


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_profiles_are_whole(path: Path) -> None:
    SlurmLaunch.model_validate({"kind": "slurm", **read_profile(path.stem)})


def test_the_example_shows_every_field_that_a_profile_may_set() -> None:
    shown = read_profile("example").keys()
    assert set(SlurmLaunch.model_fields) - shown == {"kind", "profile", "split", "eval_gpus"}


def test_a_profile_by_its_path(profile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launch = launch_of(f"launch.profile={profile}")
    assert (launch.partition, launch.account, launch.time_min) == ("gpu", "12345", 600)
    assert launch.environment == {"A": "1", "OMP_NUM_THREADS": "4"}
    assert launch.sbatch == {"mail-type": "END", "nice": 5}
    monkeypatch.chdir(profile.parent)
    assert read_profile("mine.yaml") == read_profile("./mine.yaml") == read_profile(str(profile))


def test_the_command_line_wins_field_by_field(profile: Path) -> None:
    launch = spec_of(
        "launch=slurm",
        f"launch.profile={profile}",
        "launch.partition=debug",
        "launch.time_min=null",
        "launch.container.image=/images/b.sif",
        "launch.environment.A=2",
        "launch.sbatch={nice: 7}",
        "launch.modules=[gcc]",
    ).launch
    assert isinstance(launch, SlurmLaunch)
    assert (launch.partition, launch.time_min) == ("debug", None)
    assert (launch.container.kind, launch.container.image) == ("apptainer", "/images/b.sif")
    assert launch.container.mounts == ["/a"]
    assert launch.environment == {"A": "2", "OMP_NUM_THREADS": "4"}
    assert launch.sbatch == {"mail-type": "END", "nice": 7}
    assert launch.modules == ["gcc"]


def test_an_unknown_profile_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"launch\.profile=bigcluster.*default, dev, example"):
        launch_of("launch.profile=bigcluster")
    with pytest.raises(ConfigError, match=r"there is no /nowhere/x\.yaml"):
        launch_of("launch.profile=/nowhere/x.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"partiton: gpu", r"unknown key launch\.partiton; did you mean launch\.partition"),
        (b"container: {imag: a}", r"container\.imag.*did you mean .*container\.image"),
        (b"- partition: gpu", "must hold `field: value` lines"),
        (b"partition", "must hold `field: value` lines"),
        (b"partition: [gpu", "is no YAML"),
        (b"\xff\xfe\x00", "is no YAML"),
        (b"time_min: soon", r"launch\.time_min='soon'"),
        (b"environment: {A B: '1'}", r"launch\.environment"),
        (b"container: {kind: pyxis}", r"has no image: set launch\.container\.image"),
        (b"{time_min: 2, notice_s: 120}", r"set launch\.notice_s below 120"),
        (b"sbatch: {array: 0-3}", r"set launch\.array_parallelism instead"),
        (b"sbatch: {ntasks_per_node: 8}", r"set hardware\.nodes instead"),
    ],
)
def test_a_bad_profile_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        launch_of(f"launch.profile={path}")


def test_a_folder_is_no_profile(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no"):
        read_profile(f"{tmp_path}/")


def test_an_empty_profile_and_a_local_launch_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("# nothing yet\n")
    assert read_profile(str(path)) == {}
    assert with_profile({"kind": "local", "profile": "nowhere"}) == {
        "kind": "local",
        "profile": "nowhere",
    }
