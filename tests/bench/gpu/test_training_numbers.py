"""Numbers out of step metrics: what is counted, medians, rates, the ratio with its interval."""

import pytest

from bench.gpu.training_numbers import counted, ratio, speeds, step_seconds, wall_seconds


def step(number: int, seconds: float = 4.0, **more: float) -> dict[str, float]:
    return {
        "step": number,
        "timing_s/step": seconds,
        "timing_s/gen": 2.0,
        "timing_s/update_actor": 0.5,
        "timing_s/update_weights": 0.25,
        "perf/total_num_tokens": 4000.0,
        "response_length/mean": 300.0,
        "prompt_length/mean": 100.0,
        "perf/mfu/actor": 0.3,
        "actor/perf/max_memory_allocated_gb": 10.0 + number,
        "training/rollout_probs_diff_mean": 0.001,
        "training/rollout_probs_diff_max": 0.01 * number,
        **more,
    }


def test_the_warm_up_is_not_counted_where_steps_are_left() -> None:
    assert [s["step"] for s in counted([step(n) for n in (1, 2, 3, 4)])] == [3, 4]
    assert [s["step"] for s in counted([step(1), step(2)])] == [2]
    assert [s["step"] for s in counted([step(1)])] == [1] and counted([]) == []


def test_a_checkpoint_is_no_part_of_a_step() -> None:
    assert step_seconds(step(1, 9.0, **{"timing_s/save_checkpoint": 5.0})) == 4.0


def test_speeds_of_a_run() -> None:
    steps = [step(1, 60.0), step(2, 9.0), step(3), step(4), step(5, 6.0)]
    steps[-1]["timing_s/save_checkpoint"] = 1.0
    found = speeds(steps, on_gpu=True)
    assert found["s_per_step"] == 4.0 and (found["steps"], found["steps_counted"]) == (5, 3)
    assert found["rollout_tokens_per_s"] == 1500.0 and found["update_tokens_per_s"] == 8000.0
    assert found["phases_s"]["gen"] == 2.0 and found["phases_s"]["save_checkpoint"] == 1.0
    assert found["phases_s"]["values"] is None
    assert found["torch_peak_allocated_gb"] == pytest.approx(15.0 * 1.073741824)
    assert found["torch_peak_reserved_gb"] is None and found["actor_mfu"] == 0.3
    assert found["probability_difference_max"] == 0.05
    assert found["each_s"] == [60.0, 9.0, 4.0, 4.0, 5.0]


def test_a_cpu_does_not_tell_what_only_a_gpu_can() -> None:
    found = speeds([step(1), step(2), step(3)], on_gpu=False)
    assert found["actor_mfu"] is None and found["torch_peak_allocated_gb"] is None
    assert found["s_per_step"] == 4.0


def test_the_ratio_has_an_interval_around_it() -> None:
    slower, base = [4.1, 4.2, 4.0, 4.3, 4.1, 4.2], [4.0, 4.1, 3.9, 4.2, 4.0, 4.1]
    found = ratio(slower, base)
    low, value, high = found["low"], found["value"], found["high"]
    assert low is not None and high is not None and value is not None
    assert low < 1.0 < value < high and value == pytest.approx(4.15 / 4.05)
    assert found["within"] is False and ratio(base, base)["within"] is True
    assert ratio(slower, base) == found


def test_few_steps_give_no_interval_and_no_verdict() -> None:
    found = ratio([3.0], [2.0])
    assert found["value"] == 1.5
    assert found["low"] is None and found["high"] is None and found["within"] is None


def test_wall_seconds_between_steps() -> None:
    assert wall_seconds({1: 10.0, 2: 20.0, 3: 24.0, 4: 28.0, 5: 33.0}) == [4.0, 5.0]
    assert wall_seconds({1: 10.0, 2: 20.0, 3: 24.0}) == []
    assert ratio([4.0, 5.0], [])["value"] is None
