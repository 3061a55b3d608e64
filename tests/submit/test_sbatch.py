"""sbatch through a stand-in: answers, refusals with hints, silence, and what must not reach it."""

import time
from pathlib import Path

import pytest

from harness.errors import SubmitError
from harness.submit import sbatch
from tests.submit.stub import Stubs


@pytest.fixture
def stubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stubs:
    found = Stubs(tmp_path / "bin", monkeypatch)
    found.slurm()
    return found


def test_the_job_id_is_returned(stubs: Stubs, tmp_path: Path) -> None:
    assert sbatch.submit(tmp_path / "1.sbatch", "reprise-x-1") == "101"
    assert stubs.calls("sbatch") == [[str(tmp_path / "1.sbatch")]]
    assert sbatch.present()


def test_an_answer_without_a_job_is_told(stubs: Stubs, tmp_path: Path) -> None:
    stubs.add("sbatch", "echo 'have a nice day'")
    with pytest.raises(SubmitError, match=r"(?s)have a nice day.*not known; `squeue --me`"):
        sbatch.submit(tmp_path / "1.sbatch", "reprise-x-1")


def test_a_lost_answer_is_made_good_by_the_name_of_the_job(stubs: Stubs, tmp_path: Path) -> None:
    stubs.add("sbatch", "echo 'have a nice day'")
    stubs.add("squeue", "echo 4711; echo 4711")
    assert sbatch.submit(tmp_path / "1.sbatch", "reprise-x-1") == "4711"
    (call,) = stubs.calls("squeue")
    assert "--name=reprise-x-1" in call


def test_silence_is_told(stubs: Stubs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stubs.add("sbatch", "exec sleep 60")
    monkeypatch.setattr(sbatch, "TIMEOUT_S", 0.2)
    started = time.monotonic()
    with pytest.raises(SubmitError, match=r"did not answer within 0.2 s.*squeue --me"):
        sbatch.submit(tmp_path / "1.sbatch", "reprise-x-1")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("invalid partition specified: gpux", "set launch.partition to one of these:\n  gpu limit"),
        ("Invalid account or account/partition combination specified", "set launch.account"),
        ("Invalid qos specification", "set launch.qos"),
        ("Requested time limit is invalid (missing or exceeds some limit)", "launch.time_min"),
        ("Invalid generic resource (gres) specification", "gres: 'gpu:{count}'"),
        ("Requested node configuration is not available", "launch.gpu_types"),
        ("unrecognized option '--bogus=1'", "launch.sbatch"),
        ("Unable to contact slurm controller (connect failure)", "`sinfo`"),
        ("Invalid job array specification", "launch.array_parallelism"),
        (
            "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
            "submit fewer runs",
        ),
    ],
)
def test_a_refusal_says_what_to_do(stubs: Stubs, tmp_path: Path, words: str, hint: str) -> None:
    said = f"sbatch: error: Batch job submission failed: {words}"
    (stubs.folder / "refuse_1").write_text(said)
    (stubs.folder / "refuse_2").write_text(said)
    with pytest.raises(SubmitError) as refused:
        sbatch.submit(tmp_path / "1.sbatch", "reprise-x-1")
    assert said in str(refused.value) and hint in str(refused.value)
    assert "{partitions}" not in str(refused.value) and "{{" not in str(refused.value)
    taken, answer = sbatch.test_only(tmp_path / "1.sbatch")
    assert not taken and hint in answer


def test_a_refusal_without_sinfo_still_says_what_sbatch_said(stubs: Stubs, tmp_path: Path) -> None:
    stubs.add("sinfo", "exit 1")
    (stubs.folder / "refuse_1").write_text("invalid partition specified: gpux")
    with pytest.raises(SubmitError, match=r"specified: gpux\nset launch\.partition"):
        sbatch.submit(tmp_path / "1.sbatch", "reprise-x-1")


def test_test_only_submits_nothing(stubs: Stubs, tmp_path: Path) -> None:
    stubs.add("sbatch", "echo 'sbatch: Job 5 to start at noon' >&2")
    assert sbatch.test_only(tmp_path / "a") == (True, "sbatch: Job 5 to start at noon")
    assert stubs.calls("sbatch") == [["--test-only", str(tmp_path / "a")]]


@pytest.mark.parametrize(
    ("body", "size"),
    [
        ("echo 'MaxArraySize            = 4'", 4),
        ("echo 'MaxArraySizeX = 4'", sbatch.DEFAULT_MAX_ARRAY_SIZE),
        ("exit 1", sbatch.DEFAULT_MAX_ARRAY_SIZE),
    ],
)
def test_max_array_size(stubs: Stubs, body: str, size: int) -> None:
    stubs.add("scontrol", body)
    assert sbatch.max_array_size() == size
    assert stubs.calls("scontrol") == [["show", "config"]]


def test_an_enclosing_job_does_not_reach_sbatch(
    stubs: Stubs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_MEM_PER_CPU", "SBATCH_PARTITION", "SRUN_DEBUG"):
        monkeypatch.setenv(name, "inherited")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm/mine.conf")
    monkeypatch.setenv("HF_HOME", "/hf")
    sbatch.submit(tmp_path / "1.sbatch", "reprise-x-1")
    seen = (stubs.folder / "environment").read_text()
    assert "inherited" not in seen
    assert "SLURM_CONF=/etc/slurm/mine.conf" in seen and "HF_HOME=/hf" in seen


def test_a_machine_without_slurm_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not sbatch.present()
    with pytest.raises(SubmitError, match="there is no sbatch on this machine"):
        sbatch.refuse_without_slurm()
    with pytest.raises(SubmitError, match="scontrol is not on this machine"):
        sbatch.max_array_size()
