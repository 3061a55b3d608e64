"""Source rows -> train.parquet, test.parquet and manifest.json, in verl's row format.

The prepare stage of a run calls `prepare`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.data.manifest import (
    MANIFEST,
    Manifest,
    Split,
    SplitManifest,
    file_sha256,
    prepared,
    recipe_of,
)
from harness.data.prompts import check_fields, ground_truth, messages, pick, render
from harness.data.row_files import Row
from harness.data.sources import Rows, load_rows
from harness.data.tokens import lengths, load_tokenizer, prompt_lengths
from harness.errors import DataError
from harness.files import write_json
from harness.spec import Data, GeneratorSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One row on its way: its place in the source, what is shown and what is judged."""

    index: int
    prompt: str
    ground_truth: str
    demonstration: str | None


def prepare(data: Data, *, tokenizer_path: str, folder: Path, sft: bool) -> Manifest:
    """Prepared data in `folder`; does nothing when exactly this data is already there."""
    done = prepared(folder, data, tokenizer_path=tokenizer_path, sft=sft)
    if done:
        return done
    if sft and data.demonstration is None:
        raise DataError(
            f"supervised fine-tuning needs demonstrations, data={data.name} has none; set "
            "data.demonstration to the column with the worked responses, or choose another data set"
        )
    check_fields(data)
    recipe = recipe_of(data, tokenizer_path, sft)
    tokenizer = load_tokenizer(tokenizer_path)
    rows = load_rows(data)
    folder.mkdir(parents=True, exist_ok=True)
    kept: dict[Split, list[Problem]] = {}
    splits: dict[Split, SplitManifest] = {}
    parts: tuple[tuple[Split, list[Row]], ...] = (("train", rows.train), ("test", rows.test))
    for split, source_rows in parts:
        problems = list(to_problems(source_rows, data, split, rows, sft))
        kept[split], dropped, longest = within_limits(problems, data, tokenizer, split)
        path = folder / f"{split}.parquet"
        write_parquet(path, [to_row(p, data, split, sft) for p in kept[split]])
        splits[split] = SplitManifest(
            file=path.name,
            sha256=file_sha256(path),
            bytes=path.stat().st_size,
            rows_in=len(problems),
            rows_out=len(kept[split]),
            dropped=dropped,
            longest_prompt_tokens=longest,
        )
    train_prompts = {problem.prompt for problem in kept["train"]}
    manifest = Manifest(
        name=data.name,
        origin=rows.origin,
        revision=rows.revision,
        seed=data.source.seed if isinstance(data.source, GeneratorSource) else None,
        recipe=recipe,
        columns=list(to_row(kept["train"][0], data, "train", sft)),
        splits=splits,
        test_prompts_in_train=sum(p.prompt in train_prompts for p in kept["test"]),
    )
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
    return manifest


def to_problems(
    source_rows: list[Row], data: Data, split: Split, rows: Rows, sft: bool
) -> Iterator[Problem]:
    """Rendered problems, in the order of the source."""
    for index, row in enumerate(source_rows):
        where = f"{rows.origin}, {split} row {index + 1}"
        fields = pick(row, data, where)
        yield Problem(
            index=index,
            prompt=render(data.template, fields),
            ground_truth=ground_truth(fields, data.ground_truth, where),
            demonstration=demonstration(row, data, where) if sft else None,
        )


def demonstration(row: Row, data: Data, where: str) -> str:
    """The worked response of a row."""
    text = row.get(data.demonstration or "")
    if not isinstance(text, str) or not text:
        raise DataError(
            f"{where}: the column {data.demonstration} (data.demonstration) holds {text!r:.80}; "
            f"expected text; the row has {', '.join(row)}"
        )
    return text


def within_limits(
    problems: list[Problem], data: Data, tokenizer: Any, split: Split
) -> tuple[list[Problem], dict[str, int], int]:
    """Problems that fit, how many did not for which reason, and the longest prompt kept."""
    prompt_tokens = prompt_lengths(tokenizer, [p.prompt for p in problems], data.render)
    response_tokens = lengths(tokenizer, [p.demonstration or "" for p in problems])
    kept: list[Problem] = []
    dropped = {"overlong_prompt": 0, "overlong_demonstration": 0}
    longest = 0
    for problem, prompt, response in zip(problems, prompt_tokens, response_tokens, strict=True):
        if prompt > data.max_prompt_tokens:
            refuse_overlong(problem, data, split, "prompt", prompt)
            dropped["overlong_prompt"] += 1
        elif response > data.max_response_tokens:
            refuse_overlong(problem, data, split, "response", response)
            dropped["overlong_demonstration"] += 1
        else:
            kept.append(problem)
            longest = max(longest, prompt)
    if not kept:
        raise DataError(
            f"data={data.name}: none of the {len(problems)} {split} rows is left ({dropped}); "
            "raise data.max_prompt_tokens or data.max_response_tokens"
        )
    return kept, dropped, longest


def refuse_overlong(problem: Problem, data: Data, split: Split, part: str, tokens: int) -> None:
    """Ends the preparation at a row over the limit, unless such rows are to be filtered."""
    if data.overlong_prompts == "error":
        limit = data.max_prompt_tokens if part == "prompt" else data.max_response_tokens
        raise DataError(
            f"data={data.name}, {split} row {problem.index + 1}: the {part} has {tokens} tokens, "
            f"data.max_{part}_tokens={limit}; raise it or set data.overlong_prompts=filter"
        )


def to_row(problem: Problem, data: Data, split: Split, sft: bool) -> Row:
    """A row as verl reads it; with sft the conversation to imitate is added."""
    row: Row = {
        "data_source": data.task,
        "prompt": messages(problem.prompt),
        "ability": data.task,
        "reward_model": {"style": "rule", "ground_truth": problem.ground_truth},
        "extra_info": {"index": problem.index, "split": split},
    }
    if sft:
        row["messages"] = [
            *messages(problem.prompt),
            {"role": "assistant", "content": problem.demonstration},
        ]
    return row


def write_parquet(path: Path, rows: list[Row]) -> None:
    """Writes the file in one step: a reader sees the old one or the whole new one."""
    import pyarrow
    import pyarrow.parquet

    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
