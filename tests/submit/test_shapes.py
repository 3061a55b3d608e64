"""Shapes and groups: what a run asks of SLURM, and which runs share an array."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.spec import RunSpec, SlurmLaunch
from harness.submit.shapes import Shape, chunks, grouped, shapes
from tests.submit.stub import composed, pairs, with_launch


def run(*overrides: str, **launch: object) -> RunSpec:
    return with_launch(composed("launch=slurm", *overrides), **launch)


def shape(spec: RunSpec) -> Shape:
    assert isinstance(spec.launch, SlurmLaunch)
    (only,) = shapes(spec, spec.launch)
    return only


def test_resources_follow_the_hardware() -> None:
    spec = run("+repro=tinyzero", "hardware=4xA800")
    hardware = spec.hardware
    assert shape(spec) == Shape(
        part="all",
        nodes=1,
        gpus_per_node=4,
        gres="gpu:a800:4",
        cpus_per_node=4 * hardware.cpus_per_gpu,
        mem_gb_per_node=4 * hardware.host_mem_gb_per_gpu,
    )
    two_nodes = shape(run("+repro=tinyzero", "hardware=16xH100"))
    assert (two_nodes.nodes, two_nodes.gpus_per_node, two_nodes.gres) == (2, 8, "gpu:h100:8")
    assert two_nodes.text().startswith("2 nodes x gpu:h100:8, ")


def test_a_laptop_profile_asks_for_no_gpu_and_the_cpus_of_its_processes() -> None:
    spec = run()
    assert shape(spec).gres is None
    hardware = spec.hardware
    assert shape(spec).cpus_per_node == hardware.gpus_per_node * hardware.cpus_per_gpu
    assert "no GPU" in shape(spec).text()


@pytest.mark.parametrize(
    ("launch", "gres"),
    [
        ({"gpu_types": {"A800": "a800_80g"}}, "gpu:a800_80g:4"),
        ({"gpu_types": {"A100": "a100_80g"}}, "gpu:a800:4"),
        ({"gres": "gpu:{count}"}, "gpu:4"),
        ({"gres": None}, None),
    ],
)
def test_gres_in_the_words_of_the_cluster(launch: dict[str, object], gres: str | None) -> None:
    assert shape(run("+repro=tinyzero", "hardware=4xA800", **launch)).gres == gres


def test_a_gpu_without_a_name_is_asked_for_by_number_or_not_at_all() -> None:
    spec = run("+repro=tinyzero", "hardware=4xA800")
    spec = spec.model_copy(update={"hardware": spec.hardware.model_copy(update={"gpu": None})})
    with pytest.raises(ConfigError, match=r"hardware\.gpu"):
        shape(spec)
    assert shape(with_launch(spec, gres="gpu:{count}")).gres == "gpu:4"


def test_the_profile_says_how_much_cpu_and_memory_go_with_a_gpu() -> None:
    given_both = shape(
        run("+repro=tinyzero", "hardware=4xA800", cpus_per_gpu=3, mem_gb_per_gpu=10.5)
    )
    assert (given_both.cpus_per_node, given_both.mem_gb_per_node) == (12, 42)
    whole = shape(run("+repro=tinyzero", "hardware=4xA800", mem_gb_per_gpu=10, exclusive=True))
    assert whole.mem_gb_per_node is None
    assert "all memory" in whole.text()


def test_split_is_a_job_on_all_gpus_and_one_on_eval_gpus() -> None:
    spec = run("+repro=tinyzero", "hardware=16xH100", split=True, eval_gpus=2)
    assert isinstance(spec.launch, SlurmLaunch)
    train, evaluate = shapes(spec, spec.launch)
    assert (train.part, train.nodes, train.gres) == ("train", 2, "gpu:h100:8")
    assert (evaluate.part, evaluate.nodes, evaluate.gres) == ("evaluate", 1, "gpu:h100:2")
    assert evaluate.cpus_per_node == 2 * spec.hardware.cpus_per_gpu


def test_groups_keep_the_order_and_mix_neither_hardware_nor_launch() -> None:
    small, large = run("+repro=tinyzero", "hardware=4xA800"), run()
    other = with_launch(small, time_min=7)
    groups = grouped(pairs([small, large, small, other, large, small]), 1001)
    assert [group.members for group in groups] == [(0, 2, 5), (1, 4), (3,)]
    assert groups[2].launch.time_min == 7


def test_an_array_is_cut_at_max_array_size() -> None:
    groups = grouped(pairs([run()] * 9), 4)
    assert [group.members for group in groups] == [(0, 1, 2, 3), (4, 5, 6, 7), (8,)]
    assert chunks([], 4) == []


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([1, 2, 4]), st.booleans(), st.sampled_from([1, 2])), min_size=1
    ),
    st.integers(1, 5),
)
def test_every_run_is_in_one_group_of_equals(asked: list[tuple[int, bool, int]], size: int) -> None:
    base = run("+repro=tinyzero", "hardware=4xA800")
    launches = {
        (split, gpus): SlurmLaunch(kind="slurm", split=split, eval_gpus=gpus)
        for split in (False, True)
        for gpus in (1, 2)
    }
    specs = []
    for per_node, split, gpus in asked:
        hardware = base.hardware.model_copy(update={"gpus_per_node": per_node})
        specs.append(
            base.model_copy(update={"hardware": hardware, "launch": launches[split, gpus]})
        )
    groups = grouped(pairs(specs), size)
    assert sorted(member for group in groups for member in group.members) == [*range(len(specs))]
    for group in groups:
        assert len(group.members) <= size
        assert list(group.members) == sorted(group.members)
        for spec, launch in [pairs(specs)[member] for member in group.members]:
            assert shapes(spec, launch) == group.shapes and launch == group.launch
    full = {(str(group.shapes), str(group.launch)) for group in groups}
    short = [group for group in groups if len(group.members) < size]
    assert len({(str(group.shapes), str(group.launch)) for group in short}) == len(short)
    assert len(full) == len({(str(shapes(*pair)), str(pair[1])) for pair in pairs(specs)})
