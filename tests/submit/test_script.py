"""sbatch scripts: golden texts, words that survive the shell, and containers."""

import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.spec import RunSpec, SlurmLaunch
from harness.submit.script import interpreter, script, srun_options
from harness.submit.shapes import grouped
from harness.submit.submission import array_name
from tests.submit.stub import PLACE, Stubs, composed, pairs, with_launch

GOLDEN = Path(__file__).parents[1] / "golden" / "slurm"
FOUR_GPUS = ("launch=slurm", "+repro=tinyzero", "hardware=4xA800")
PYXIS = {
    "kind": "pyxis",
    "image": "owner/image:tag",
    "mounts": ["/scratch/me:/scratch"],
    "arguments": ["--no-container-mount-home"],
}


def cases() -> dict[str, list[RunSpec]]:
    """Name of the golden file -> the runs of one group."""
    four = composed(*FOUR_GPUS)
    two_nodes = composed("launch=slurm", "+repro=tinyzero", "hardware=16xH100")
    example = composed(
        "launch=slurm", "+repro=tinyzero", "hardware=8xA100", "launch.profile=example"
    )
    return {
        "default_4xA800": [four],
        "two_nodes_16xH100": [two_nodes] * 3,
        "cpu": [composed("launch=slurm")],
        "split": [with_launch(two_nodes, split=True, eval_gpus=2)] * 2,
        "example_profile": [example],
        "pyxis": [with_launch(two_nodes, container=PYXIS, shared_paths=["/data"])],
        "exclusive": [with_launch(four, exclusive=True)],
        "untyped_gres": [with_launch(four, gres="gpu:{count}")],
        "further_options": [
            with_launch(
                four,
                partition="long",
                sbatch={"mail-type": "END", "cpus-per-task": 7, "nice": 100, "requeue": False},
            )
        ],
    }  # fmt: skip


def scripts(specs: list[RunSpec]) -> dict[str, str]:
    (group,) = grouped(pairs(specs), 1001)
    return {
        shape.part: script(
            group,
            shape,
            PLACE,
            array_name("1", shape),
            depends_on="4711" if shape.part == "evaluate" else None,
        )
        for shape in group.shapes
    }


def directives(text: str) -> list[str]:
    return [line.removeprefix("#SBATCH ") for line in text.splitlines() if "#SBATCH" in line]


@pytest.mark.parametrize("name", cases())
def test_golden_script(name: str) -> None:
    """REPRISE_UPDATE_GOLDEN=1 rewrites the files; read the difference before committing it."""
    for part, text in scripts(cases()[name]).items():
        golden = GOLDEN / f"{name}{'' if part == 'all' else f'.{part}'}.sbatch"
        if os.environ.get("REPRISE_UPDATE_GOLDEN"):
            golden.write_text(text)
        assert text == golden.read_text()
        assert subprocess.run(["bash", "-n"], input=text, text=True).returncode == 0


def test_every_golden_file_is_of_a_case() -> None:
    assert {path.name.split(".")[0] for path in GOLDEN.glob("*.sbatch")} == cases().keys()


def test_no_option_stands_twice_and_the_profiles_own_win() -> None:
    for specs in cases().values():
        for text in scripts(specs).values():
            names = [line.split("=")[0] for line in directives(text)]
            assert len(names) == len(set(names))
    further = directives(scripts(cases()["further_options"])["all"])
    assert {"--cpus-per-task=7", "--mail-type=END", "--nice=100"} <= set(further)
    assert not any(line.startswith("--requeue") for line in further)


def test_every_field_of_the_example_profile_is_in_its_script() -> None:
    text = scripts(cases()["example_profile"])["all"]
    for said in [
        "--partition=gpu", "--account=my-project", "--qos=normal", "--constraint=nvlink",
        "--time=1440", "--gres=gpu:a100_80g:8", "--cpus-per-task=96", "--mem=983040M",
        "--mail-type=END,FAIL", "--signal=B:USR2@300", "module load cuda/12.8",
        "export HF_HOME=/shared/hf", "export NCCL_SOCKET_IFNAME=ib0", "ulimit -n 65536",
        "export REPRISE_NOTICE_S=300", "export REPRISE_MAX_ATTEMPTS=20",
        "--bind /shared --bind /home --bind /scratch:/scratch", "/opt/venv/bin/python",
    ]:  # fmt: skip
        assert said in text, said


def test_the_evaluation_waits_for_the_training_of_the_same_index() -> None:
    found = scripts(cases()["split"])
    assert "--dependency=aftercorr:4711" in directives(found["evaluate"])
    assert "--kill-on-invalid-dep=yes" in directives(found["evaluate"])
    assert not any("depend" in line for line in directives(found["train"]))
    assert "export REPRISE_PART=train" in found["train"]


def test_odd_names_reach_the_job_as_they_are(tmp_path: Path) -> None:
    odd = 'it\'s a "b" $HOME `id` *'
    code = tmp_path / odd
    (code / "slurm").mkdir(parents=True)
    show = 'printf "%s\\n" "$REPRISE_CODE" "$REPRISE_RUNS" "$ODD" "$SET_UP" "${PYTHON[@]}"\n'
    (code / "slurm" / "job.sh").write_text(show)
    submission = tmp_path / "out put" / "submissions" / "id"
    place = replace(PLACE, code=code, submission=submission, python=f"/venv {odd}/bin/python")
    spec = with_launch(
        composed("launch=slurm"), environment={"ODD": odd}, setup=["export SET_UP='a b'"]
    )
    (group,) = grouped(pairs([spec]), 1001)
    text = script(group, group.shapes[0], place, "1")
    done = subprocess.run(["bash"], input=text, text=True, capture_output=True, check=True)
    assert done.stdout.splitlines() == [
        str(code), str(submission / "1.runs"), odd, "a b", f"/venv {odd}/bin/python",
    ]  # fmt: skip
    assert done.stderr == ""


def test_apptainer_runs_python_in_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs = Stubs(tmp_path, monkeypatch)
    container = {
        "kind": "apptainer", "image": "/my images/r.sif", "python": sys.executable,
        "mounts": ["/scratch"], "arguments": ["--cleanenv"],
    }  # fmt: skip
    stubs.add("apptainer", 'while [ "$1" != "/my images/r.sif" ]; do shift; done; shift; exec "$@"')
    launch = with_launch(composed("launch=slurm"), container=container).launch
    assert isinstance(launch, SlurmLaunch)
    words = shlex.join([*interpreter(launch, PLACE), "-c", "print(6 * 7)"])
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout == "42\n"
    (call,) = stubs.calls("apptainer")
    assert call[:12] == [
        "exec", "--nv", "--bind", "/shared/outputs", "--bind", "/shared/work", "--bind",
        "/scratch", "--pwd", "/shared/work", "--cleanenv", "/my images/r.sif",
    ]  # fmt: skip


def test_without_a_container_the_submitting_environment_runs() -> None:
    launch = SlurmLaunch(kind="slurm")
    assert interpreter(launch, PLACE) == ["/shared/venv/bin/python"]
    assert srun_options(launch, PLACE) == []


def test_shared_paths_are_mounted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE", "/store")
    launch = SlurmLaunch.model_validate(
        {
            "kind": "slurm",
            "container": {"kind": "pyxis", "image": "i", "mounts": ["/a:/b", "/store"]},
            "shared_paths": ["$STORE", "/shared/outputs"],
        }
    )
    mounts = "/shared/outputs:/shared/outputs,/shared/work:/shared/work,/store:/store,/a:/b"
    assert f"--container-mounts={mounts}" in srun_options(launch, PLACE)
