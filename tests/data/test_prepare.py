"""Prepared data: verl's row format, filters, the manifest, and a second run that does nothing."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from harness.data import prepare as module
from harness.data.filters import losses
from harness.data.manifest import MANIFEST, Manifest, prepared
from harness.data.prepare import prepare
from harness.data.rendering import ids_sha256
from harness.errors import ConfigError, DataError
from harness.spec import Data
from tests.data.making import ROWS, rows_of
from tests.data.making import in_file as data


def test_rows_in_verls_format(tmp_path: Path, tokenizer: str) -> None:
    out = tmp_path / "out"
    manifest = prepare(data(tmp_path), tokenizer_path=tokenizer, folder=out, sft=False)
    train = rows_of(out / "train.parquet")
    assert train[1] == {
        "data_source": "countdown",
        "prompt": [{"role": "user", "content": "Make 7 from [3, 4]: "}],
        "ability": "countdown",
        "reward_model": {"style": "rule", "ground_truth": '{"target": 7, "numbers": [3, 4]}'},
        "extra_info": {"index": 1, "split": "train"},
    }
    assert manifest.columns == list(train[0])
    assert [row["extra_info"] for row in rows_of(manifest.path(out, "test"))] == [
        {"index": 0, "split": "test"},
        {"index": 1, "split": "test"},
    ]
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_the_manifest_counts_what_happened(tmp_path: Path, tokenizer: str) -> None:
    out = tmp_path / "out"
    manifest = prepare(data(tmp_path), tokenizer_path=tokenizer, folder=out, sft=False)
    train = manifest.splits["train"]
    assert (train.rows_in, train.rows_out) == (3, 2)
    assert (train.dropped, train.left_out, train.cut_prompts) == ({"overlong_prompt": 1}, [], 0)
    assert train.longest_prompt_tokens == len("Make 7 from [3, 4]: ")
    assert manifest.test_prompts_in_train == 1
    assert manifest.origin.endswith("rows.jsonl") and manifest.revision is None
    assert manifest.source_rows == 5 and manifest.left_out == {}
    assert Manifest.model_validate_json((out / MANIFEST).read_text()) == manifest


def test_overlong_prompts_can_be_refused(tmp_path: Path, tokenizer: str) -> None:
    strict = data(tmp_path, overlong_prompts="error")
    with pytest.raises(DataError, match=r"train row 3: the prompt has 32 tokens.*=28"):
        prepare(strict, tokenizer_path=tokenizer, folder=tmp_path / "out", sft=False)


def test_a_chat_prompt_is_counted_inside_its_template(tmp_path: Path, tokenizer: str) -> None:
    chat = data(tmp_path, render="chat", max_prompt_tokens=33)
    manifest = prepare(chat, tokenizer_path=tokenizer, folder=tmp_path / "out", sft=False)
    assert manifest.splits["train"].longest_prompt_tokens == len(
        "[user]Make 7 from [3, 4]: [reply]"
    )
    with pytest.raises(DataError, match="none of the 3 train rows is left"):
        too_short = data(tmp_path, render="chat", max_prompt_tokens=32)
        prepare(too_short, tokenizer_path=tokenizer, folder=tmp_path / "out", sft=False)


def test_demonstrations(tmp_path: Path, tokenizer: str) -> None:
    with_text = data(tmp_path, demonstration="text", max_response_tokens=20, max_prompt_tokens=99)
    out = tmp_path / "out"
    manifest = prepare(with_text, tokenizer_path=tokenizer, folder=out, sft=True)
    assert rows_of(out / "train.parquet")[0]["messages"] == [
        {"role": "user", "content": "Make 3 from [1, 2]: "},
        {"role": "assistant", "content": "<answer>1+2</answer>"},
    ]
    assert manifest.splits["train"].dropped == {"overlong_demonstration": 1}
    assert prepared(out, with_text, tokenizer_path=tokenizer, sft=False) is None


def test_fine_tuning_without_demonstrations_is_refused(tmp_path: Path, tokenizer: str) -> None:
    with pytest.raises(DataError, match=r"set data\.demonstration"):
        prepare(data(tmp_path), tokenizer_path=tokenizer, folder=tmp_path / "out", sft=True)
    with pytest.raises(DataError, match=r"train row 1: the column answer .* holds None"):
        wrong = data(tmp_path, demonstration="answer")
        prepare(wrong, tokenizer_path=tokenizer, folder=tmp_path / "out", sft=True)


def test_a_second_run_does_nothing(
    tmp_path: Path, tokenizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, out = data(tmp_path), tmp_path / "out"
    first = prepare(spec, tokenizer_path=tokenizer, folder=out, sft=False)
    monkeypatch.setattr(module, "load_rows", None)
    monkeypatch.setattr(module, "load_tokenizer", None)
    assert prepare(spec, tokenizer_path=tokenizer, folder=out, sft=False) == first


def test_data_is_prepared_again_when_anything_behind_it_changed(
    tmp_path: Path, tokenizer: str
) -> None:
    spec, out = data(tmp_path), tmp_path / "out"

    def done(spec: Data = spec, tokenizer_path: str = tokenizer) -> bool:
        return prepared(out, spec, tokenizer_path=tokenizer_path, sft=False) is not None

    assert not done()
    prepare(spec, tokenizer_path=tokenizer, folder=out, sft=False)
    assert done()
    assert not done(tokenizer_path="another/tokenizer")
    assert not done(spec.model_copy(update={"max_prompt_tokens": 29}))
    content = (out / "test.parquet").read_bytes()
    (out / "test.parquet").write_bytes(content[:-1] + b"?")
    assert not done()
    (out / "test.parquet").write_bytes(content)
    assert done()
    (tmp_path / "rows.jsonl").write_text("{}\n")
    assert not done()
    (out / MANIFEST).write_text("{}")
    assert not done()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"template": "Make {goal}"}, r"data\.template names goal; data\.columns has numbers, ta"),
        ({"ground_truth": ["answer"]}, r"data\.ground_truth names answer"),
        ({"template": "{numbers[0]}"}, "is not a name"),
        ({"template": "{target:d}"}, "is not a name"),
        ({"template": "\\boxed{}"}, "literal braces"),
        ({"template": "{target"}, "literal braces"),
        (
            {"columns": {"numbers": "numbers", "target": "target"}},
            "train row 1: no value for the column numbers ",
        ),
    ],
)
def test_fields_that_do_not_fit(
    changes: dict[str, Any], message: str, tmp_path: Path, tokenizer: str
) -> None:
    with pytest.raises(DataError, match=message):
        prepare(data(tmp_path, **changes), tokenizer_path=tokenizer, folder=tmp_path, sft=False)


def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no tokenizer at model\.path="):
        prepare(data(tmp_path), tokenizer_path=str(tmp_path), folder=tmp_path, sft=False)


WIDE: dict[str, Any] = {"train_rows": None, "test_rows": 1, "max_prompt_tokens": 99}


def odd_target(ground_truth: dict[str, Any]) -> str | None:
    """A reward's check: rows with an even target cannot be scored."""
    if ground_truth["target"] == 100:
        raise ZeroDivisionError("on purpose")
    return None if ground_truth["target"] % 2 else f"{ground_truth['target']} is even"


def test_rows_without_an_answer_are_left_out_counted_and_listed(
    tmp_path: Path, tokenizer: str
) -> None:
    rows: list[dict[str, Any]] = [dict(row) for row in ROWS]
    rows[1]["target"] = rows[4]["target"] = None
    rows += [{"nums": [], "target": n} for n in range(30)]
    out = tmp_path / "out"
    spec = data(tmp_path, rows, **{**WIDE, "test_rows": 30})
    with pytest.raises(
        DataError, match=r"none of the 30 test rows is left \(30 without an answer\)"
    ):
        prepare(spec, tokenizer_path=tokenizer, folder=out, sft=False)
    spec = data(tmp_path, [*rows, ROWS[0]], **WIDE)
    manifest = prepare(spec, tokenizer_path=tokenizer, folder=out, sft=False)
    train = manifest.splits["train"]
    assert (train.rows_in, train.rows_out, train.dropped) == (35, 3, {"no_answer": 32})
    assert len(train.left_out) == 20
    first = train.left_out[0]
    assert (first.row, first.reason, first.prompt_end) == (
        2,
        "no_answer",
        "Make None from [3, 4]: ",
    )
    assert first.why == 'the ground truth is {"target": null, "numbers": [3, 4]}'
    assert losses(manifest) == ["left out of the training rows: 32 without an answer"]


def test_a_row_without_the_column_is_an_error(tmp_path: Path, tokenizer: str) -> None:
    rows: list[dict[str, Any]] = [ROWS[0], {"nums": [3, 4]}, *ROWS[2:]]
    with pytest.raises(
        DataError, match=r"rows\.jsonl, train row 2: no value for the column target"
    ):
        prepare(data(tmp_path, rows), tokenizer_path=tokenizer, folder=tmp_path, sft=False)


def test_rows_that_the_reward_cannot_score(tmp_path: Path, tokenizer: str) -> None:
    rows, check = [{"nums": [n], "target": n} for n in range(1, 8)], f"{__name__}:odd_target"
    spec, out = data(tmp_path, rows, **WIDE), tmp_path / "out"

    def prepared_with(check: str | None) -> Manifest:
        return prepare(spec, tokenizer_path=tokenizer, folder=out, sft=False, check=check)

    assert prepared_with(None).splits["train"].rows_out == 6
    assert prepared(out, spec, tokenizer_path=tokenizer, sft=False, check=check) is None
    train = prepared_with(check).splits["train"]
    assert (train.rows_out, train.dropped) == (3, {"unscorable": 3})
    assert [(row.row, row.why) for row in train.left_out] == [
        (2, "2 is even"), (4, "4 is even"), (6, "6 is even"),
    ]  # fmt: skip
    assert prepared(out, spec, tokenizer_path=tokenizer, sft=False, check=check) is not None
    assert prepared(out, spec, tokenizer_path=tokenizer, sft=False) is None


def test_a_check_that_fails_names_its_ground_truth(tmp_path: Path, tokenizer: str) -> None:
    check = f"{__name__}:odd_target"
    with pytest.raises(DataError, match=r'ground truth {"target": 100.*ZeroDivisionError'):
        prepare(
            data(tmp_path, **WIDE),
            tokenizer_path=tokenizer,
            folder=tmp_path,
            sft=False,
            check=check,
        )
    with pytest.raises(ConfigError, match=r"reward\.check=no\.such:check cannot be imported"):
        prepare(
            data(tmp_path),
            tokenizer_path=tokenizer,
            folder=tmp_path,
            sft=False,
            check="no.such:check",
        )


def test_a_begun_response_is_stored_and_counted_as_the_model_sees_it(
    tmp_path: Path, tokenizer: str
) -> None:
    turns = [{"role": "system", "content": "Hi."}]
    spec = data(tmp_path, render="chat", before=turns, prefill="<think>", max_prompt_tokens=54)
    out = tmp_path / "out"
    manifest = prepare(spec, tokenizer_path=tokenizer, folder=out, sft=False)
    seen = "[system]Hi.[user]Make 3 from [1, 2]: [reply]<think>"
    assert rows_of(out / "train.parquet")[0]["prompt"] == [{"role": "user", "content": seen}]
    assert manifest.splits["train"].longest_prompt_tokens == len(seen)
    assert manifest.first_prompt.text == seen
    assert manifest.first_prompt.chat_template_sha256
    assert manifest.first_prompt.token_ids_sha256 == ids_sha256(
        AutoTokenizer.from_pretrained(tokenizer).encode(seen)
    )
    messages = prepare(
        spec.model_copy(update={"prefill": None}), tokenizer_path=tokenizer, folder=out, sft=False
    )
    assert messages.first_prompt.text == seen.removesuffix("<think>")
    assert rows_of(out / "train.parquet")[0]["prompt"] == [
        *turns,
        {"role": "user", "content": "Make 3 from [1, 2]: "},
    ]


def test_prompts_that_lose_their_start_stay_and_are_counted(tmp_path: Path, tokenizer: str) -> None:
    spec = data(tmp_path, overlong_prompts="cut_left")
    manifest = prepare(spec, tokenizer_path=tokenizer, folder=tmp_path / "out", sft=False)
    train = manifest.splits["train"]
    assert (train.rows_out, train.dropped, train.cut_prompts) == (3, {}, 1)
    assert train.longest_prompt_tokens == 28
    assert losses(manifest) == ["1 training prompts lose their start"]


def test_long_texts_are_left_out_by_characters(tmp_path: Path, tokenizer: str) -> None:
    spec = data(tmp_path, max_prompt_characters=20, max_prompt_tokens=99)
    manifest = prepare(spec, tokenizer_path=tokenizer, folder=tmp_path / "out", sft=False)
    assert manifest.splits["train"].dropped == {"long_text": 1}


def test_copies_of_the_training_rows(tmp_path: Path, tokenizer: str) -> None:
    out = tmp_path / "out"
    manifest = prepare(data(tmp_path, repeat=3), tokenizer_path=tokenizer, folder=out, sft=False)
    train = rows_of(out / "train.parquet")
    assert train == train[:2] * 3
    assert [manifest.splits[split].rows_out for split in ("train", "test")] == [6, 2]


def test_problems_of_a_benchmark_are_left_out_of_training_only(
    tmp_path: Path, tokenizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRISE_CACHE", str(tmp_path / "cache"))
    spec = data(tmp_path, decontaminate=["kk_logicrl"])
    with pytest.raises(DataError, match=r"(?s)data\.decontaminate names kk_logicrl.*eval\.folder"):
        prepare(spec, tokenizer_path=tokenizer, folder=tmp_path, sft=False)
    shown = "Make 3 from [1, 2]: "
    monkeypatch.setattr(module, "load_benchmarks", lambda names, folder: names)
    monkeypatch.setattr(
        module,
        "tainted",
        lambda texts, _: {place: "kk-7" for place, text in enumerate(texts) if text == shown},
    )
    manifest = prepare(spec, tokenizer_path=tokenizer, folder=tmp_path / "out", sft=False)
    train, test = manifest.splits["train"], manifest.splits["test"]
    assert train.dropped == {"contaminated": 1, "overlong_prompt": 1} and test.dropped == {}
    assert train.left_out[0].why == "shares kk-7" and test.rows_out == 2


def test_a_demonstration_inside_a_list(tmp_path: Path, tokenizer: str) -> None:
    rows = [{**row, "messages": [{"content": "?"}, {"content": row["text"]}]} for row in ROWS]
    spec = data(tmp_path, rows, demonstration="messages.1.content")
    out = tmp_path / "out"
    prepare(spec, tokenizer_path=tokenizer, folder=out, sft=True)
    assert rows_of(out / "train.parquet")[0]["messages"][1]["content"] == ROWS[0]["text"]
