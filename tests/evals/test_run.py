"""The orchestration of an evaluation on hand-made samples: scores, invariants, what is reused."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals import run
from evals.budgets import AskedBudget
from evals.job import Job
from evals.judges import GraderJudge
from evals.models import Subject, fingerprint
from harness.errors import ConfigError, EvaluationError
from harness.results import block
from harness.spec import Sampling
from tests.evals.measuring import (
    FakeChildren,
    Writer,
    improving,
    measured,
    measurement,
    reward_judge,
    toy_set,
)

ROOT = Path(run.__file__).parents[1]


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Installs fake generation processes."""

    def install(response: Writer) -> FakeChildren:
        fake = FakeChildren(response)
        monkeypatch.setattr(run, "generate_all", fake)
        return fake

    return install


def test_scores_of_before_and_after(tmp_path: Path, children: Any) -> None:
    fake = children(improving)
    scores = measured(tmp_path, measurement())
    base, trained = scores.models
    assert (base.accuracy.value, trained.accuracy.value) == (0.25, 0.75)
    assert base.pass_at[4].value == 1.0
    assert base.pass_at[2].value == pytest.approx(0.5)
    assert base.truncation_rate == 0.25
    assert base.lengths is not None and base.lengths.mean == 2.5
    assert base.right == [1] * 20
    assert base.majority.value == 0.0 and trained.majority.value == 1.0
    assert base.doubts == {"truncated": 20}
    assert scores.difference is not None and scores.difference.paired.value == 0.5
    assert scores.verdict.startswith("improved")
    assert "do not overlap" in scores.verdict
    assert fake.jobs[0].max_tokens == 16
    verdicts = (tmp_path / "toy" / "verdicts-base.jsonl").read_text().splitlines()
    assert json.loads(verdicts[1])["extracted"] == "wrong"


def test_doubtful_verdicts_are_listed(tmp_path: Path, children: Any) -> None:
    children(improving)
    measured(tmp_path, measurement())
    lines = (tmp_path / "toy" / "doubtful-trained.jsonl").read_text().splitlines()
    assert len(lines) == 20
    first = json.loads(lines[0])
    assert (first["doubt"], first["truth"]) == ("truncated", {"answer": "1"})


def test_the_truth_of_every_problem_is_written_down(tmp_path: Path, children: Any) -> None:
    children(improving)
    measured(tmp_path, measurement())
    lines = (tmp_path / "toy" / "truths.jsonl").read_text().splitlines()
    assert len(lines) == 20
    assert json.loads(lines[3]) == {"id": "3", "truth": {"answer": "4"}}


def test_second_call_returns_the_scores_without_work(tmp_path: Path, children: Any) -> None:
    fake = children(improving)
    first = measured(tmp_path, measurement())
    assert measured(tmp_path, measurement()) == first
    assert len(fake.jobs) == 1


def test_what_the_numbers_depend_on_is_not_taken_from_disk(tmp_path: Path, children: Any) -> None:
    fake = children(improving)
    first = measured(tmp_path, measurement())
    bonus = measured(tmp_path, measurement(toy_set(reward_judge(bonus=1.0))))
    assert bonus.models[0].mean_reward is not None and first.models[0].mean_reward is not None
    assert bonus.models[0].mean_reward.value == first.models[0].mean_reward.value + 1
    assert bonus.protocol_hash != first.protocol_hash
    assert measured(tmp_path, measurement(seed=1)).protocol_hash == first.protocol_hash
    measured(tmp_path, measurement(base="org/base", trained="org/other"))
    assert len(fake.jobs) == 4


def test_a_grader_and_a_second_opinion(tmp_path: Path, children: Any) -> None:
    def boxed(job: Job, label: str, problem: int, sample: int) -> str:
        return rf"{sample} so \boxed{{{problem + 1 if sample == 0 else -5}}}"

    children(boxed)
    scores = measured(tmp_path, measurement(toy_set(GraderJudge("strict_box"), second="reprise")))
    (base, _) = scores.models
    assert base.accuracy.value == 0.25
    assert base.mean_reward is None
    assert base.second is not None
    assert (base.second.accuracy, base.second.only_first, base.second.only_second) == (0.25, 0, 0)
    (canaries,) = [check for check in scores.checks if "canaries" in check.name]
    assert canaries.passed, canaries.detail


def test_equal_answers_vote_together(tmp_path: Path, children: Any) -> None:
    forms = (r"\frac{1}{2}", "0.5", "7", "1/2")
    children(lambda job, label, i, k: rf"{k} \boxed{{{forms[k]}}}")
    halves = replace(
        toy_set(GraderJudge("reprise")), truths={str(i): {"answer": "0.5"} for i in range(20)}
    )
    scores = measured(tmp_path, measurement(halves))
    assert scores.models[0].accuracy.value == 0.75
    assert scores.models[0].majority.value == 1.0


def test_a_disagreement_of_the_graders_is_listed(tmp_path: Path, children: Any) -> None:
    children(lambda job, label, i, k: rf"{k} so \boxed{{{i + 1}.0}}")
    scores = measured(tmp_path, measurement(toy_set(GraderJudge("strict_box"), second="reprise")))
    base = scores.models[0]
    assert base.second is not None
    assert (base.accuracy.value, base.second.accuracy, base.second.only_second) == (0, 1, 80)
    assert base.doubts == {"graders disagree": 60, "truncated": 20}
    line = json.loads((tmp_path / "toy" / "doubtful-base.jsonl").read_text().splitlines()[0])
    assert (line["correct"], line["second"], line["doubt"]) == (False, True, "graders disagree")


def test_fingerprint_follows_the_files(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"1")
    first = fingerprint(str(tmp_path), None)
    (tmp_path / "build.log").write_text("not a part of the model")
    assert fingerprint(str(tmp_path), None) == first
    (tmp_path / "model.safetensors").write_bytes(b"2")
    assert fingerprint(str(tmp_path), None) != first


def test_a_served_model_is_known_by_its_server() -> None:
    here = Subject(label="model", path="m", server="http://127.0.0.1:1/v1").job_model()
    there = Subject(label="model", path="m", server="http://127.0.0.1:2/v1").job_model()
    assert here.fingerprint != there.fingerprint


def test_identical_samples_everywhere_spoil_the_score(tmp_path: Path, children: Any) -> None:
    children(lambda job, label, problem, sample: f"{problem}|same")
    scores = measured(tmp_path, measurement())
    (broken,) = scores.invalid
    assert "one sample counted k times" in broken.detail
    assert scores.verdict.startswith("INVALID")


def test_one_model_without_variety_is_a_note(tmp_path: Path, children: Any) -> None:
    children(lambda job, label, problem, sample: f"{problem}|{sample if label == 'base' else 0}")
    scores = measured(tmp_path, measurement())
    assert not scores.invalid
    (check,) = [c for c in scores.checks if "identical" in c.name]
    assert not check.passed
    assert "base 0%, trained 100%" in check.detail


def test_responses_at_the_limit_are_a_note(tmp_path: Path, children: Any) -> None:
    children(improving)  # one in four is cut off
    scores = measured(tmp_path, measurement())
    assert not scores.invalid
    (check,) = [c for c in scores.checks if c.name == "base: share of responses cut off"]
    assert not check.passed
    assert check.detail == "25.0% at 16 tokens; a larger eval.max_tokens may give a higher score"


def samples_changed(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    """Fake children whose base samples are changed afterwards."""

    class Changing(FakeChildren):
        def __call__(self, job: Job, **more: Any) -> None:
            super().__call__(job, **more)
            change(Path(job.tasks[0].folder))

    monkeypatch.setattr(run, "generate_all", Changing(improving))


@pytest.mark.parametrize("change", ["drop", "double"])
def test_wrong_number_of_samples_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    def rewrite(folder: Path) -> None:
        path = folder / "samples-base-0.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join({"drop": lines[1:], "double": [*lines, lines[0]]}[change]))

    samples_changed(monkeypatch, rewrite)
    with pytest.raises(EvaluationError, match=r"base: .*wanted 20 problems x 4"):
        measured(tmp_path, measurement())


@pytest.mark.parametrize(("name", "value"), [("temperature", 0.7), ("top_k", 50), ("top_p", 0.5)])
def test_sampling_that_was_not_asked_for_spoils_the_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    def rewrite(folder: Path) -> None:
        path = folder / "generation-base-0.jsonl"
        record = json.loads(path.read_text())
        record["sampling"][name] = value
        path.write_text(json.dumps(record) + "\n")

    samples_changed(monkeypatch, rewrite)
    (broken,) = measured(tmp_path, measurement()).invalid
    assert broken.name == "base: sampling parameters read back"


def test_fewer_samples_than_on_disk_use_the_first(
    tmp_path: Path, children: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    children(improving)
    measured(tmp_path, measurement())
    monkeypatch.setattr(run, "generate_all", lambda job, **more: None)
    scores = measured(tmp_path, measurement(toy_set(k=1)))
    assert scores.samples_per_problem == 1
    assert scores.models[0].accuracy.value == 1.0


def test_reward_that_raises_names_the_sample(tmp_path: Path, children: Any) -> None:
    children(improving)
    with pytest.raises(EvaluationError, match="problem 0, sample 0: RuntimeError: cannot read"):
        measured(tmp_path, measurement(toy_set(reward_judge("explodes"))))


def test_reward_that_cannot_be_imported_is_refused() -> None:
    from evals.judges import load_reward
    from harness.spec import Reward

    with pytest.raises(ConfigError, match="nowhere:nothing"):
        load_reward(Reward(name="bad", function="nowhere:nothing", tasks=["toy"]))


def test_evaluation_stage_imports_no_torch() -> None:
    code = "import sys, evals.run, harness.report.run.page; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "False"


def test_greedy_copies_do_not_count_as_samples(tmp_path: Path, children: Any) -> None:
    children(lambda job, label, problem, sample: f"{problem}|same")
    wanted = measurement()
    greedy = wanted.protocol.model_copy(update={"sampling": Sampling(temperature=0.0)})
    scores = measured(tmp_path, replace(wanted, protocol=greedy))
    (broken,) = scores.invalid
    assert "samples_per_problem=1" in broken.detail


def at_budgets(*tokens: int) -> list[Any]:
    """The toy problems, asked once for each of these budgets."""
    return [
        replace(
            toy_set(),
            name=f"toy@{number}",
            budget=AskedBudget(
                benchmark="toy", tokens=number, suffix="{tokens}", system=None, max_tokens=None
            ),
        )
        for number in tokens
    ]


def test_each_budget_has_a_score_of_its_own(tmp_path: Path, children: Any) -> None:
    fake = children(improving)
    wanted = measurement(*at_budgets(2, 4))
    first, second = run.measure(wanted, folder=tmp_path, on_progress=lambda *_: None)
    assert (first.benchmark, first.test_set) == ("toy@2", "toy")
    assert first.protocol["budget"]["tokens"] == 2
    assert first.protocol_hash != second.protocol_hash
    kept = first.models[0].budget  # 1, 2, 3 and 4 tokens, a budget of 2
    assert kept is not None
    assert (kept.error.value, kept.above.value) == pytest.approx(((0.5 + 0 + 0.5 + 1) / 4, 0.5))
    assert second.models[0].budget is not None and second.models[0].budget.above.value == 0.0
    more = measurement(*at_budgets(2, 4, 8))
    run.measure(more, folder=tmp_path, on_progress=lambda *_: None)
    assert [task.name for task in fake.jobs[-1].tasks] == ["toy@8"]


def test_no_limit_is_read_beyond_the_longest_response(tmp_path: Path, children: Any) -> None:
    children(improving)
    plain = measurement()
    limited = replace(plain, protocol=plain.protocol.model_copy(update={"limits": [16, 17]}))
    assert [at.tokens for at in measured(tmp_path, limited).models[1].limits] == [16]


def test_limits_are_read_from_the_samples_as_they_are(tmp_path: Path, children: Any) -> None:
    children(improving)
    plain = measurement()
    before = measured(tmp_path, plain)
    assert before.models[1].limits == []
    limited = replace(plain, protocol=plain.protocol.model_copy(update={"limits": [1, 2, 4]}))
    after = measured(tmp_path, limited)
    assert after.protocol_hash == before.protocol_hash and after.key != before.key
    # trained is right with 1, 2 and 3 tokens of 4
    found = {at.tokens: (at.accuracy.value, at.longer) for at in after.models[1].limits}
    assert found == {1: (0.25, 0.75), 2: (0.5, 0.5), 4: (0.75, 0.0)}
    tokens = after.models[1].tokens
    assert tokens is not None and tokens.right is not None
    assert (tokens.all.value, tokens.right.value) == (2.5, 2.0)
    assert after.difference is not None and after.difference.tokens is not None
    assert after.difference.tokens.over_problems.value == 0.0
    said = "\n".join(block(after, []).notes)
    assert "cut at 2 tokens, not asked again: base 25.0 [" in said
    assert "trained: mean tokens 2.5 [2.5, 2.5] (right 2.0 [2.0, 2.0], wrong 4.0" in said
    assert "tokens from base to trained: +0.0 %" in said
