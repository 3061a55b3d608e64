"""Prepared data: verl's row format, filters, the manifest, and a second run that does nothing."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from harness.data import prepare as module
from harness.data.manifest import MANIFEST, Manifest, prepared
from harness.data.prepare import prepare
from harness.data.prompts import fields_of, render
from harness.errors import DataError
from harness.spec import Data

ROWS = [
    {"nums": [1, 2], "target": 3, "text": "<answer>1+2</answer>"},
    {"nums": [3, 4], "target": 7, "text": "<answer>3+4</answer>"},
    {"nums": [10, 20, 30, 40], "target": 100, "text": "<answer>10+20+30+40</answer>"},
    {"nums": [1, 2], "target": 3, "text": "<answer>2+1</answer>"},
    {"nums": [5, 6], "target": 11, "text": "<answer>5+6</answer>"},
]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a tokenizer in which every byte is one token."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe = Tokenizer(models.BPE(vocab={c: n for n, c in enumerate(alphabet)}, merges=[]))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    folder = tmp_path_factory.mktemp("tokenizer")
    template = "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}[reply]"
    PreTrainedTokenizerFast(tokenizer_object=bpe, chat_template=template).save_pretrained(folder)
    return str(folder)


def data(folder: Path, rows: list[dict[str, Any]] = ROWS, **changes: Any) -> Data:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    values: dict[str, Any] = {
        "name": "d",
        "task": "countdown",
        "source": {"kind": "file", "path": str(path)},
        "train_rows": 3,
        "test_rows": 2,
        "columns": {"numbers": "nums", "target": "target"},
        "template": "Make {target} from {numbers}: ",
        "render": "raw",
        "ground_truth": ["target", "numbers"],
        "max_prompt_tokens": 28,
        "max_response_tokens": 40,
    }
    return Data.model_validate({**values, **changes})


def rows_of(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


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
    assert train.dropped == {"overlong_prompt": 1, "overlong_demonstration": 0}
    assert train.longest_prompt_tokens == len("Make 7 from [3, 4]: ")
    assert manifest.test_prompts_in_train == 1
    assert manifest.origin.endswith("rows.jsonl") and manifest.revision is None
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
    assert manifest.splits["train"].dropped == {"overlong_prompt": 0, "overlong_demonstration": 1}
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
        ({"columns": {"numbers": "numbers", "target": "target"}}, "train row 1: no value for .* n"),
    ],
)
def test_fields_that_do_not_fit(
    changes: dict[str, Any], message: str, tmp_path: Path, tokenizer: str
) -> None:
    with pytest.raises(DataError, match=message):
        prepare(data(tmp_path, **changes), tokenizer_path=tokenizer, folder=tmp_path, sft=False)


def test_a_row_without_a_value_is_named(tmp_path: Path, tokenizer: str) -> None:
    rows = [*ROWS[:1], {**ROWS[1], "target": None}, *ROWS[2:]]
    with pytest.raises(
        DataError, match=r"rows\.jsonl, train row 2: no value for the column target"
    ):
        prepare(data(tmp_path, rows), tokenizer_path=tokenizer, folder=tmp_path, sft=False)


def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no tokenizer at model\.path="):
        prepare(data(tmp_path), tokenizer_path=str(tmp_path), folder=tmp_path, sft=False)


def test_templates() -> None:
    assert fields_of("{a} {{literal}} \\boxed{{}} {b}{a}") == ["a", "b", "a"]
    assert render("{n} in \\boxed{{}}", {"n": [1, 2]}) == "[1, 2] in \\boxed{}"
    with pytest.raises(DataError, match="names b; given are a"):
        render("{a}{b}", {"a": 1})
