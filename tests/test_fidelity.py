"""Fidelity: each kind of row, what stays unexplained, sources of numbers, full size on a laptop."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.cards import FidelityNotes, Provenance, load_card
from harness.errors import ConfigError
from harness.fidelity import run as fidelity_run
from harness.fidelity.compare import Row, Sides, compare
from harness.fidelity.format import Fixed, Table, UpstreamRun, load_table, load_upstream
from harness.fidelity.full_size import full_size, recipe
from harness.fidelity.run import fidelity, needless, stray, upstream_name
from harness.fidelity.sourcing import unexplained_in_miniature, unsourced
from harness.fidelity.text import text
from harness.fidelity.values import same
from harness.spec import RunSpec
from tests.composing import spec_of

ROOT = Path(__file__).parents[1]


def upstream(
    effective: Mapping[str, Any],
    semantics: tuple[str, ...] = (),
    verl: Mapping[str, Any] | None = None,
) -> UpstreamRun:
    return UpstreamRun.model_validate(
        {
            "script": "o/r@c0ffee1:train.sh",
            "framework": "words",
            "table": "t",
            "effective": {k: {"value": v, "from": "script"} for k, v in effective.items()},
            "semantics": {name: {"says": "s", "at": "o/r@c0ffee1:a.py:1"} for name in semantics},
            "verl": verl or {},
        }
    )


def rows(
    effective: Mapping[str, Any] | None = None,
    table: Mapping[str, Any] | None = None,
    notes: Mapping[str, Any] | None = None,
    *,
    semantics: tuple[str, ...] = (),
    verl: Mapping[str, Any] | None = None,
    emitted: Mapping[str, Any] | None = None,
    house: Mapping[str, Any] | None = None,
) -> list[Row]:
    """The comparison against tinyzero's recipe (lr 1e-6, 256 prompts, group 1, 15 epochs)."""
    return compare(
        Sides(
            upstream=upstream(effective or {}, semantics, verl),
            table=Table.model_validate(table or {}),
            house=Table.model_validate(house or {}),
            notes=FidelityNotes.model_validate(notes or {}),
            spec=recipe("tinyzero"),
            emitted=emitted or {},
            defaults={"by.default": 7},
        )
    )


LR, PROMPTS = "algorithm.optimizer.lr", "algorithm.prompts_per_step"
KL = "algorithm.kl_in_reward"


@pytest.mark.parametrize(
    ("value", "to"),
    [
        (1e-6, LR),
        (256.0, PROMPTS),
        ([0.9, 0.999], "algorithm.optimizer.betas"),
        (None, "algorithm.dual_clip"),
        (0.2, {"field": ["algorithm.clip_low", "algorithm.clip_high"]}),
        ([0, 1], {"field": ["schedule.validation_sampling.temperature", "algorithm.group_size"]}),
        (512, {"field": PROMPTS, "divide_by": 2}),
        (64, {"field": PROMPTS, "times": "algorithm.kl_in_reward.four"}),
        (128, {"field": PROMPTS, "times": 2}),
        (256, {"field": PROMPTS, "divide_by": "algorithm.group_size"}),
        ("kl", {"field": f"{KL}.estimator", "values": {"kl": "k1"}}),
        (-1, {"field": "algorithm.dual_clip", "values": {-1: None}}),
        (True, {"present": KL}),
        (False, {"present": "algorithm.kl_loss"}),
        (64, {"field": "algorithm.critic.mini_batch_prompts",
              "or_else": "algorithm.mini_batch_prompts"}),
    ],
)  # fmt: skip
def test_an_equal_value_is_renamed_or_the_same(value: Any, to: Any) -> None:
    if isinstance(to, dict) and to.get("times") == "algorithm.kl_in_reward.four":
        (row,) = rows({"k": value}, {"fields": {"k": to}})
        assert row.status == "unexplained" and "no field algorithm.kl_in_reward.four" in row.reason
        return
    (row,) = rows({"k": value}, {"fields": {"k": to}})
    assert row.status == "renamed" and row.vouched
    (row,) = rows({"k": value}, {"fields": {"k": to}}, emitted={"k": value})
    assert row.status == "same"


@pytest.mark.parametrize(
    ("value", "to"),
    [
        (2e-6, LR),
        ("1e-6", LR),
        (1, "algorithm.shuffle_mini_batches"),
        (0, "data.shuffle"),
        ([0.9], "algorithm.optimizer.betas"),
        (0.3, {"field": ["algorithm.clip_low", "algorithm.clip_high"]}),
        (True, {"present": "algorithm.kl_loss"}),
        (0.1, "algorithm.kl_loss.coef"),
        (None, "algorithm.kl_loss.coef"),
        (1, "algorithm.nothing"),
    ],
)
def test_another_value_is_unexplained_until_the_card_gives_a_reason(value: Any, to: Any) -> None:
    (row,) = rows({"k": value}, {"fields": {"k": to}})
    assert row.status == "unexplained" and row.reason
    if to != "algorithm.nothing":
        reason = {"settings": {"k": {"reason": "because"}}}
        (row,) = rows({"k": value}, {"fields": {"k": to}}, reason)
        assert (row.status, row.reason) == ("changed", "because")


def test_a_key_without_a_destination_is_unexplained() -> None:
    (row,) = rows({"k": 1})
    assert row.status == "unexplained" and "no destination" in row.reason
    (row,) = rows({"k": 1}, notes={"settings": {"k": {"reason": "because"}}})
    assert row.status == "unexplained" and "not where" in row.reason


@pytest.mark.parametrize(
    ("note", "status"),
    [
        ({"met": "data=x"}, "same"),
        ({"lost": "none here"}, "not expressible"),
        ({"field": "schedule.epochs"}, "renamed"),
        ({"field": "schedule.epochs", "equals": 15, "reason": "a = b"}, "renamed"),
        ({"field": "schedule.epochs", "equals": 14, "reason": "a = b"}, "unexplained"),
        ({"field": "seed", "reason": "because"}, "changed"),
    ],
)
def test_the_card_goes_before_the_table(note: dict[str, Any], status: str) -> None:
    (row,) = rows({"k": 15}, {"without_effect": {"k": "idle"}}, {"settings": {"k": note}})
    assert row.status == status


def test_a_value_that_needs_no_setting_is_met_at_that_value_only() -> None:
    met = {"met": {"k": {"value": False, "how": "off"}}}
    assert [rows({"k": value}, met)[0].status for value in (False, True)] == ["same", "unexplained"]


@pytest.mark.parametrize(
    ("others", "condition", "status"),
    [
        ({"use": False}, {"when": {"use": True}}, "without effect"),
        ({"use": True}, {"when": {"use": True}}, "unexplained"),
        ({"use": "b"}, {"when": {"use": ["a", "b"]}}, "unexplained"),
        ({}, {"when": {"use": True}}, "unexplained"),
        ({"use": 0}, {"unless": {"use": 0}}, "without effect"),
        ({"use": 1}, {"unless": {"use": 0}}, "unexplained"),
        ({"use": 5}, {"yields_to": "use"}, "without effect"),
        ({"use": None}, {"yields_to": "use"}, "unexplained"),
        ({}, {"yields_to": "use"}, "unexplained"),
    ],
)
def test_a_key_that_upstream_does_not_read_has_no_effect(
    others: dict[str, Any], condition: dict[str, Any], status: str
) -> None:
    table = {"fields": {"k": {"field": LR, **condition}}, "without_effect": {"use": "other"}}
    row = next(row for row in rows({"k": 99, **others}, table) if row.key == "k")
    assert row.status == status


@pytest.mark.parametrize(
    ("note", "status"),
    [
        ({}, "unexplained"),
        ({"s": {"kept": "the reward does it"}}, "same"),
        ({"s": {"kept": "algorithm.dual_clip=null"}}, "same"),
        ({"s": {"kept": "algorithm.dual_clip=null, algorithm.optimizer.lr=1e-6."}}, "same"),
        ({"s": {"kept": "words with algorithm.optimizer.betas=[0.9, 0.999] inside"}}, "same"),
        ({"s": {"kept": "upstream's trainer.clean=true stays"}}, "same"),
        ({"s": {"kept": "algorithm.dual_clip=3.0"}}, "unexplained"),
        ({"s": {"kept": "algorithm.dualclip=null"}}, "unexplained"),
        ({"s": {"changed": "c"}}, "changed"),
        ({"s": {"lost": "l"}}, "not expressible"),
    ],
)
def test_a_behaviour_needs_an_entry_and_fields_in_it_are_checked(
    note: dict[str, Any], status: str
) -> None:
    (row,) = rows(notes={"semantics": note}, semantics=("s",))
    assert row.status == status


@pytest.mark.parametrize(
    ("theirs", "status"),
    [({"a": 1}, "same"), ({"a": 2}, "unexplained"), ({"by.default": 7}, "same"),
     ({"by.default": 8}, "unexplained"), ({"unknown": 1}, "unexplained"), ({"w": "kl"}, "same"),
     ({"said": 0}, "changed"), ({"idle": 0}, "without effect")],
)  # fmt: skip
def test_emitted_keys_are_held_to_upstreams_translation(
    theirs: dict[str, Any], status: str
) -> None:
    (row,) = rows(
        verl=theirs,
        emitted={"a": 1.0, "w": "k1", "said": 1, "idle": 1},
        table={"values": {"kl": "k1"}},
        notes={"verl": {"said": "because"}},
        house={"verl": {"idle": "speed"}},
    )
    assert row.status == status


def test_a_switch_is_no_number() -> None:
    assert same(1, 1.0) and same([1, 2], (1.0, 2)) and same(None, None)
    assert not same(True, 1) and not same(False, 0) and not same(None, False) and not same(1, "1")


# Sources of numbers.


def problems(spec: RunSpec, **changes: Any) -> list[str]:
    found = fidelity(spec)
    table, house = load_table("verl"), load_table("reprise")
    card = load_card("tinyzero").recipe | changes
    card = {field: stated for field, stated in card.items() if stated}
    return unsourced(spec, card, found.legs[0].rows, house.fixed | table.fixed)


def test_upstream_the_framework_and_the_card_vouch_for_every_number() -> None:
    assert problems(recipe("tinyzero")) == []


def test_a_number_that_nobody_vouches_for_is_named() -> None:
    (problem,) = problems(recipe("tinyzero"), **{"data.test_rows": None})
    assert problem.startswith("data.test_rows: the run has 1024, and neither")


def test_a_provenance_for_another_value_or_no_field_is_named() -> None:
    stated = Provenance.model_validate({"value": 7, "from": "ours", "reason": "r"})
    (problem,) = problems(recipe("tinyzero"), **{"data.test_rows": stated})
    assert problem == "data.test_rows: the run has 1024, the card 7 (ours)"
    (problem,) = problems(recipe("tinyzero"), **{"algorithm.gama": stated})
    assert problem == "algorithm.gama: the card has a provenance, the run no such field"


def test_a_fixed_value_holds_for_the_runs_it_names() -> None:
    spec, field = recipe("tinyzero"), "algorithm.std_epsilon"
    for advantage, vouched in (("gae", True), ("grpo", False)):
        fixed = Fixed(value=1e-6, why="w", when={"algorithm.advantage": [advantage]})
        named = [p for p in unsourced(spec, {}, [], {field: fixed}) if p.startswith(f"{field}:")]
        assert (named == []) is vouched


def changed(field: str, value: Any) -> RunSpec:
    """Tinyzero's recipe with one field changed."""
    content = recipe("tinyzero").model_dump()
    *path, last = field.split(".")
    place = content
    for name in path:
        place = place[name]
    place[last] = value
    return RunSpec.model_validate(content)


@pytest.mark.parametrize(
    ("field", "value"),
    [("algorithm.optimizer.lr", 2e-6), ("algorithm.clip_low", 0.1), ("algorithm.dual_clip", 3.0),
     ("algorithm.shuffle_mini_batches", True), ("algorithm.kl_in_reward", None),
     ("algorithm.loss_aggregation", "seq-mean-token-sum"), ("schedule.epochs", 14),
     ("data.max_prompt_tokens", 512), ("data.render", "chat"), ("data.shuffle", False),
     ("algorithm.mask_truncated", True), ("algorithm.critic.value_clip", 0.2),
     ("algorithm.optimizer.betas", (0.9, 0.95)), ("model.path", "Qwen/Qwen2.5-1.5B")],
)  # fmt: skip
def test_every_change_of_the_recipe_is_found(field: str, value: Any) -> None:
    assert fidelity(changed(field, value)).problems()


def test_a_miniature_may_change_what_the_card_explains_and_nothing_else() -> None:
    full, explained = recipe("tinyzero"), load_card("tinyzero").miniature
    small = spec_of("+repro=tinyzero", "hardware=cpu")
    assert unexplained_in_miniature(small, full, explained) == []
    changed = spec_of("+repro=tinyzero", "hardware=cpu", "algorithm.clip_low=0.1")
    assert unexplained_in_miniature(changed, full, explained) == [
        "algorithm.clip_low: 0.2 at full size, 0.1 in miniature"
    ]
    switched = spec_of("+repro=tinyzero", "hardware=cpu", "algorithm.kl_in_reward=null")
    assert any(p.startswith("algorithm.kl_in_reward") for p in
               unexplained_in_miniature(switched, full, explained))  # fmt: skip


# Which file belongs to which training.


@pytest.mark.parametrize(
    ("variant", "stage", "there", "wanted"),
    [
        (None, "", ["main"], "main"),
        (None, "8k", ["8k", "main"], "8k"),
        (None, "8k", ["main"], "main"),
        ("long", "", ["long", "main"], "long"),
        ("long", "8k", ["8k", "long"], "8k"),
        ("long", "8k", ["8k", "long", "long_8k"], "long_8k"),
        ("long", "8k", ["long", "main"], "long"),
        ("long", "8k", ["main"], None),
        ("long", "", ["main"], None),
    ],
)
def test_a_training_finds_its_upstream_file(
    variant: str | None,
    stage: str,
    there: list[str],
    wanted: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fidelity_run, "upstream_names", lambda id: there)
    if wanted:
        assert upstream_name("x", variant, stage) == wanted
    else:
        with pytest.raises(ConfigError, match=r"reproductions/x/upstream has no file"):
            upstream_name("x", variant, stage)


def test_a_missing_file_and_a_run_without_recipe_are_told() -> None:
    with pytest.raises(ConfigError, match=r"nowhere/upstream/main.yaml is missing"):
        load_upstream("nowhere", "main")
    with pytest.raises(ConfigError, match=r"add \+repro"):
        fidelity(spec_of("hardware=4xA800"))


def test_entries_of_the_card_that_name_nothing_are_told() -> None:
    card = load_card("tinyzero")
    notes = {"settings": {"a": {"met": "m"}}, "semantics": {"b": {"kept": "k"}}, "verl": {"c": "w"}}
    changed = card.model_copy(update={"fidelity": FidelityNotes.model_validate(notes)})
    assert stray(card) == []
    assert [line.split(":")[0] for line in stray(changed)] == [
        "fidelity.settings.a", "fidelity.semantics.b", "fidelity.verl.c",
    ]  # fmt: skip


def test_an_explanation_of_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found, card = fidelity(recipe("tinyzero")), load_card("tinyzero")
    notes = {"settings": {"trainer.total_epochs": {"reason": "r"}}, "verl": {"algorithm.lam": "w"}}
    changed = card.model_copy(update={"fidelity": FidelityNotes.model_validate(notes)})
    monkeypatch.setattr(fidelity_run, "load_card", lambda id: changed)
    assert [line.split(":")[0] for line in needless([found])] == [
        "fidelity.settings.trainer.total_epochs", "fidelity.verl.algorithm.lam",
    ]  # fmt: skip


# The action.


def test_on_a_laptop_the_full_size_recipe_is_compared() -> None:
    small = full_size(["+repro=miniature/tinyzero", "hardware=cpu", "++seed=5"])
    assert (small.miniature, small.seed, small.hardware.device) == (False, 5, "cuda")
    assert small.algorithm == recipe("tinyzero").algorithm
    chosen = full_size(["+repro=tinyzero", "hardware=8xH100"])
    assert chosen.hardware.name == "8xH100"


def test_a_recipe_too_large_for_the_usual_machine_finds_a_larger_one() -> None:
    large = full_size(["repro=tinyzero", "model.parameters_b=30"])
    assert large.hardware.nodes * large.hardware.gpus_per_node > 4
    with pytest.raises(ConfigError, match="mini-batch"):
        full_size(["repro=tinyzero", "algorithm.mini_batch_prompts=60"])


def test_the_text_shows_every_key_and_what_is_not_explained() -> None:
    good = fidelity(recipe("tinyzero"))
    shown = text(good)
    assert all(key in shown for key in load_upstream("tinyzero", "main").effective)
    assert "3 changed" in shown and "not explained" not in shown
    bad = text(fidelity(changed("algorithm.clip_low", 0.1)))
    assert "not explained: " in bad and "algorithm.clip_low" in bad.split("not explained: ")[1]


def test_the_action_answers_with_an_exit_code_and_without_torch() -> None:
    script = (
        "import sys, run; code = run.main(sys.argv[1:]); "
        "print(sorted({'torch', 'verl', 'ray', 'transformers'} & set(sys.modules))); sys.exit(code)"
    )

    line = [sys.executable, "-c", script, "repro=tinyzero", "action=fidelity", "algorithm.lam=0.95"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "algorithm.lam is 0.95" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
