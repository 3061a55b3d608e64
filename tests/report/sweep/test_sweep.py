"""The sweep page: what varies, seeds, differences, and that no run is dropped."""

import json
import random
from pathlib import Path

import pytest
import scipy.stats

from evals.scores import Check
from evals.verdicts import compare as compare_models
from harness.report.sweep.charts import MOST_POINTS, charts, colours
from harness.report.sweep.fields import MOST_FIELDS, compare
from harness.report.sweep.markdown import about_pairs, markdown
from harness.report.sweep.page import write_sweep
from harness.report.sweep.pairs import Entrant, holm, paired
from harness.report.sweep.rows import Sweep, in_short, seed_mean, sweep
from harness.report.sweep.runs import ManyRun, read_many
from harness.submit.states import run_folders, survey
from tests.report.making import HOSTILE
from tests.report.many import make_run, scores, spec_of

SPOILT = Check(name="canaries", passed=False, detail="", spoils=True)


def runs_in(where: Path) -> list[ManyRun]:
    return read_many(survey(run_folders(where)).runs)


def made(where: Path) -> Sweep:
    return sweep(runs_in(where), where)


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """Two learning rates, two seeds each; one run failed, one is damaged."""
    for rate in (1e-6, 5e-6):
        for seed in (1, 2):
            share = 0.4 if rate == 1e-6 else 0.8
            measured = [scores(trained=share, seed=seed + round(1e6 * rate))]
            spec = spec_of(algorithm__optimizer__lr=rate, seed=seed)
            make_run(tmp_path / f"run-of-a-sweep-{rate}-s{seed}", spec, measured=measured,
                     overrides=["algorithm.optimizer.lr"])  # fmt: skip
    spec = spec_of(algorithm__optimizer__lr=5e-6, seed=3)
    make_run(tmp_path / "run-of-a-sweep-x-s3", spec, state="failed", reason=HOSTILE, steps=4)
    bad = make_run(tmp_path / "run-of-a-sweep-y-s4", spec | {"seed": 4}, measured=[scores()])
    (bad / "evaluation/p-0/toy/scores.json").write_text("{")
    return tmp_path


# Fields.


def test_fields_that_differ_are_told_from_those_that_do_not() -> None:
    specs = [spec_of(algorithm__kl=kl, seed=seed) for kl in (0.0, 0.1) for seed in (1, 2)]
    found = compare(specs)
    assert [(v.field, v.label, v.values) for v in found.varied] == [
        ("algorithm.kl", "kl", (0.0, 0.0, 0.1, 0.1))
    ]
    assert found.seed is not None and found.seed.values == (1, 2, 1, 2)
    assert found.groups == [0, 0, 1, 1]
    assert found.fixed["algorithm.name"] == "grpo" and "algorithm.kl" not in found.fixed
    assert "output_root" not in found.fixed


def test_fields_in_step_share_a_column_named_by_the_command_line() -> None:
    specs = [spec_of(model__name=name, model__path=f"org/{name}") for name in ("a", "b")]
    (varied,) = compare(specs).varied
    assert (varied.field, varied.also) == ("model.name", ("model.path",))
    (varied,) = compare(specs, ["model.path"]).varied
    assert (varied.field, varied.also) == ("model.path", ("model.name",))


def test_a_field_in_step_with_the_seed_is_no_repetition() -> None:
    specs = [spec_of(algorithm__kl=0.1 * seed, seed=seed) for seed in (1, 2)]
    assert compare(specs).groups == [0, 1]


def test_every_seed_that_varies_is_named() -> None:
    specs = [spec_of(seed=seed) | {"data": {"subset_seed": 7 * seed}} for seed in (1, 2)]
    found = compare(specs).seed
    assert found is not None
    assert (found.field, found.values) == ("seed, data.subset_seed", ("1, 7", "2, 14"))


def test_labels_are_as_short_as_they_can_be_told_apart() -> None:
    specs = [spec_of() | {"a": {"size": i % 2}, "b": {"size": i // 2}} for i in range(4)]
    assert [v.label for v in compare(specs).varied] == ["a.size", "b.size"]


def test_more_fields_than_columns_are_named_and_still_tell_runs_apart() -> None:
    count = MOST_FIELDS + 2
    specs = [spec_of() | {f"f{i}": int(i == run) for i in range(count)} for run in range(count)]
    found = compare(specs)
    assert (len(found.varied), len(found.hidden)) == (MOST_FIELDS, 2)
    assert found.groups == list(range(count))


def test_one_run_and_equal_runs_vary_in_nothing() -> None:
    for specs in ([spec_of()], [spec_of(), spec_of()], [{}, {}]):
        found = compare(specs)
        assert found.varied == [] and found.seed is None and found.groups == [0] * len(specs)


# Seeds.


@pytest.mark.parametrize("count", [2, 3, 4, 5, 12])
def test_the_mean_over_seeds_has_the_interval_of_student(count: int) -> None:
    chance = random.Random(count)
    values = [0.5 + 0.02 * chance.gauss(0, 1) for _ in range(count)]
    found = seed_mean(values)
    error = scipy.stats.sem(values)
    low, high = scipy.stats.t.interval(0.95, count - 1, sum(values) / count, error)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.002)
    assert found.seeds == count


@pytest.mark.parametrize("values", [[0.4], [0.4, 0.4]])
def test_one_seed_or_equal_scores_have_no_interval(values: list[float]) -> None:
    found = seed_mean(values)
    assert (found.value, found.low, found.high, found.seeds) == (0.4, None, None, len(values))


# Pairs.


def test_holm_is_the_step_down_correction() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_pairs_are_compared_by_problem_as_everywhere() -> None:
    first, second = scores(trained=0.2, seed=1), scores(trained=0.9, seed=2)
    (pair,) = paired([Entrant(group=0, scores=first), Entrant(group=1, scores=second)]).pairs
    expected = compare_models(first.matrix("trained"), second.matrix("trained"))
    assert (pair.difference, pair.low, pair.high, pair.p_value) == (
        expected.paired.value, expected.paired.low, expected.paired.high, expected.p_value,
    )  # fmt: skip
    assert pair.word == "improved" and pair.p_holm == pair.p_value


def test_only_what_was_measured_alike_is_paired() -> None:
    entrants = [
        Entrant(group=0, scores=scores()),
        Entrant(group=1, scores=scores(protocol_hash="a" * 64)),
        Entrant(group=2, scores=scores(problems=10)),
        Entrant(group=3, scores=scores(benchmark="other")),
    ]
    assert paired(entrants).pairs == []


def test_the_correction_takes_back_words() -> None:
    equal = [Entrant(group=i, scores=scores(trained=0.5, seed=i)) for i in range(9)]
    found = paired(equal)
    assert len(found.pairs) == 36
    assert all(pair.p_holm >= pair.p_value for pair in found.pairs)
    assert all(pair.word == "not distinguishable" for pair in found.pairs if pair.p_holm > 0.05)


def test_many_configurations_are_held_against_the_highest_and_that_is_said() -> None:
    entrants = [Entrant(group=i, scores=scores(trained=0.3 + 0.01 * i, seed=i)) for i in range(12)]
    found = paired(entrants, most=5)
    assert len(found.pairs) == 5 and len({pair.second for pair in found.pairs}) == 1
    assert "of 66 possible pairs" in found.notes[0] and "overstated" in found.notes[0]


@pytest.mark.parametrize(("count", "said"), [(2, "0.1 of 2"), (6, "0.3 of 6"), (60, "3 of 60")])
def test_chance_findings_are_not_overstated(count: int, said: str) -> None:
    assert f"between equals {said} would miss zero on average" in about_pairs(count)


def test_seeds_of_a_configuration_are_pooled() -> None:
    entrants = [Entrant(group=g, scores=scores(seed=10 * g + s)) for g in (0, 1) for s in (1, 2)]
    (pair,) = paired(entrants).pairs
    assert (pair.first_seeds, pair.second_seeds, pair.problems) == (2, 2, 20)


# The page.


def test_no_run_is_dropped_and_failures_say_why(where: Path) -> None:
    found = made(where)
    assert len(found.rows) == 6
    ((run, state, reason),) = found.failures
    assert (run, state) == (next(row.label for row in found.rows if row.seed == "3"), "failed")
    assert reason == HOSTILE.splitlines()[0].rstrip()
    assert len(found.problems) == 1 and "scores.json cannot be read" in found.problems[0][1]


def test_rows_hold_what_the_runs_say(where: Path) -> None:
    found = made(where)
    row = found.rows[0]
    assert (row.values, row.seed, row.state, row.step) == (["1e-06"], "1", "done", 10)
    assert row.reward == pytest.approx(0.6) and row.length == 110.0
    (cell,) = row.cells
    assert cell is not None and cell.base is not None and cell.change is not None
    assert cell.value - cell.base == pytest.approx(cell.change)
    failed = next(row for row in found.rows if row.state == "failed")
    assert failed.cells == [None] and failed.step == 4


def test_groups_are_means_over_their_measured_seeds(where: Path) -> None:
    low, high = made(where).groups
    (mean,) = high.means
    assert (len(high.runs), high.done) == (4, 3)
    assert mean is not None and mean.seeds == 2 and low.label == "lr=1e-06"


def test_scores_of_unfinished_runs_are_in_no_mean_and_no_comparison(where: Path) -> None:
    spec = spec_of(algorithm__optimizer__lr=1e-6, seed=6)
    make_run(where / "run-of-a-sweep-u-s6", spec, measured=[scores(seed=77)], state="failed")
    found = made(where)
    mean = found.groups[0].means[0]
    assert (len(found.groups[0].runs), found.groups[0].done) == (3, 2)
    assert mean is not None and mean.seeds == 2
    assert "1 measurement(s) of unfinished runs" in found.paired.notes[-1]


def test_another_draw_of_the_same_run_is_no_seed(where: Path) -> None:
    folder = min(path for path in where.iterdir() if path.is_dir())
    again = folder / "evaluation/p-1/toy/scores.json"
    again.parent.mkdir(parents=True)
    again.write_text(scores(trained=0.4, seed=55).model_dump_json())
    found = made(where)
    assert {pair.first_seeds for pair in found.paired.pairs} == {2}
    assert any("evaluation/p-0/toy is not counted" in problem for _, problem in found.problems)


def test_a_stage_on_fewer_gpus_costs_fewer_gpu_hours(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", spec_of())
    with (folder / "events.jsonl").open("a") as log:
        done = {"kind": "stage_done", "stage": "evaluate", "attempt": 1, "seconds": 3600.0}
        log.write(json.dumps(done) + "\n")
    assert runs_in(tmp_path)[0].gpu_hours == 8
    (folder / "plan.json").write_text('{"stages": [{"name": "evaluate", "gpus": 2}]}')
    assert runs_in(tmp_path)[0].gpu_hours == 2


def test_invalid_scores_are_shown_and_count_nowhere(where: Path) -> None:
    spec = spec_of(algorithm__optimizer__lr=1e-6, seed=5)
    make_run(where / "run-of-a-sweep-z-s5", spec, measured=[scores(checks=[SPOILT], seed=99)])
    found = made(where)
    cell = next(row for row in found.rows if row.seed == "5").cells[0]
    assert cell is not None and cell.invalid == "canaries"
    mean = found.groups[0].means[0]
    assert mean is not None and mean.seeds == 2
    assert {pair.first_seeds for pair in found.paired.pairs} == {2}
    assert "INVALID (canaries)" in markdown(found)


def test_several_protocols_of_a_benchmark_have_columns_of_their_own(tmp_path: Path) -> None:
    make_run(tmp_path / "a", spec_of(), measured=[scores()])
    make_run(tmp_path / "b", spec_of(seed=2), measured=[scores(protocol_hash="a" * 64)])
    found = made(tmp_path)
    assert [c.title for c in found.columns] == ["toy (protocol ffffff)", "toy (protocol aaaaaa)"]
    assert found.paired.pairs == []


def test_pages_are_whole_and_hostile_text_stays_text(where: Path) -> None:
    runs = runs_in(where)
    (where / "run-of-a-sweep-x-s3" / "report.html").write_text("")
    page = write_sweep(runs, where).read_text()
    data = json.loads((where / "sweep.json").read_text())
    short = (where / "sweep.md").read_text()
    assert [row["run"] for row in data["rows"]] == [run.name for run in runs]
    assert "<img src=x" not in page and "<script>alert" not in page
    assert "Mean over seeds" in page and "one comparison" in page.lower()
    assert 'href="run-of-a-sweep-x-s3/report.html"' in page
    assert page.count('href="run-of') == 1 and 'src="' not in page
    assert "## Not finished" in short and "<img" not in short.replace("\\<", "")


# Charts.


def test_curves_of_all_runs_and_scores_by_what_varies(where: Path) -> None:
    runs = runs_in(where)
    found = {chart.id: chart for chart in charts(runs, sweep(runs, where))}
    assert set(found) == {"curves-0", "curves-2", "scores-0-0"}
    assert found["curves-0"].alt.startswith("6 runs; the last step is at 0.3")
    points = found["curves-0"].spec["datasets"]["points"]
    assert len({point["r"] for point in points}) == 6
    scored = found["scores-0-0"].spec["datasets"]["points"]
    assert len(scored) == 4 and all(p["l"] <= p["v"] <= p["h"] for p in scored)


def test_many_runs_share_the_points_and_the_colours(tmp_path: Path) -> None:
    for index in range(30):
        spec = spec_of(algorithm__optimizer__lr=1e-6 * index, algorithm__kl=index % 3, seed=1)
        make_run(tmp_path / f"r{index:02}", spec, steps=5)
    runs = runs_in(tmp_path)
    found = sweep(runs, tmp_path)
    colouring = colours(found)
    assert colouring.by == "kl" and set(colouring.names) == {"kl=0", "kl=1", "kl=2"}
    for chart in charts(runs, found):
        assert len(chart.spec["datasets"]["points"]) <= MOST_POINTS


def test_charts_that_a_page_does_not_bear_are_counted(tmp_path: Path) -> None:
    for run in range(5):
        fields = {f"f{place}": int(place == run) for place in range(4)}
        measured = [scores(seed=run, benchmark=name) for name in ("one", "two")]
        make_run(tmp_path / f"r{run}", spec_of() | fields, measured=measured)
    page = write_sweep(runs_in(tmp_path), tmp_path).read_text()
    assert "2 more charts of scores by a varied field are left out" in page


def test_thinned_curves_are_said(tmp_path: Path) -> None:
    make_run(tmp_path / "a", spec_of(), steps=500)
    runs = runs_in(tmp_path)
    (first, *_) = charts(runs, sweep(runs, tmp_path))
    assert "long curves are thinned to about 400 points" in first.alt


def test_without_any_data_there_is_a_page_all_the_same(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", {}, state="running", steps=0)
    for name in ("status.json", "events.jsonl", "provenance.json"):
        (folder / name).unlink()
    (folder / "run.json").write_text("[")
    page = write_sweep(runs_in(tmp_path), tmp_path).read_text()
    assert "Evaluation: not run" in page and "run.json cannot be read" in page


def test_values_in_short() -> None:
    assert in_short(["a", "b", "a"]) == "a, b"
    assert in_short(list(range(20)), most=2) == "0, 1 and 18 more"
