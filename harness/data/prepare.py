"""Source rows -> train.parquet, test.parquet and manifest.json, in verl's row format.

The prepare stage of a run calls `prepare`.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.benchmarks import Loaded
from harness.data.budgets import budget_fields, digest, without_budget
from harness.data.checks import asking
from harness.data.columns import Absent, columns_of, value_at
from harness.data.decontaminate import load_benchmarks, tainted
from harness.data.filters import (
    Dropped,
    Problem,
    clean,
    in_words,
    scorable,
    short_enough,
    within_limits,
)
from harness.data.manifest import (
    MANIFEST,
    BudgetRecord,
    FirstPrompt,
    Manifest,
    Split,
    SplitManifest,
    file_sha256,
    prepared,
    recipe_of,
)
from harness.data.prompts import check_fields, ground_truth, has_answer, render
from harness.data.rendering import ids_sha256, shown, stored, template_sha256
from harness.data.row_files import Row
from harness.data.rows import Rows, load_rows
from harness.data.tokens import lengths, load_tokenizer, token_ids
from harness.errors import DataError
from harness.files import write_json
from harness.spec import Data, GeneratorSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What every row of one data set goes through."""

    data: Data
    tokenizer: Any
    check: Callable[[str], str | None]
    """Ground truth as JSON text -> why the reward cannot score it."""
    benchmarks: Sequence[Loaded]
    """Whose problems must not be trained on."""
    sft: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The rows of one split that are left."""

    problems: list[Problem]
    prompts: list[str]
    """As the model sees them."""
    manifest: SplitManifest


def prepare(
    data: Data,
    *,
    tokenizer_path: str,
    folder: Path,
    sft: bool,
    check: str | None = None,
    benchmarks: Path | None = None,
) -> Manifest:
    """Prepared data in `folder`; does nothing when exactly this data is already there.

    Args:
        sft: Rows carry demonstrations.
        check: reward.check, `module:function`.
        benchmarks: Folder with the files of data.decontaminate; the cache or their source if None.

    Raises:
        DataError: the source, a row or the data option is at fault; says what to do.
    """
    done = prepared(folder, data, tokenizer_path=tokenizer_path, sft=sft, check=check)
    if done:
        return done
    if sft and data.demonstration is None:
        raise DataError(
            f"supervised fine-tuning needs demonstrations, data={data.name} has none; set "
            "data.demonstration to the column with the worked responses, or choose another data set"
        )
    check_fields(data)
    recipe = recipe_of(data, tokenizer_path, sft, check)
    work = Preparation(
        data=data,
        tokenizer=load_tokenizer(tokenizer_path),
        check=asking(check),
        benchmarks=load_benchmarks(data.decontaminate, benchmarks),
        sft=sft,
    )
    rows = load_rows(data)
    folder.mkdir(parents=True, exist_ok=True)
    train, test = (one_split(split, rows, work, folder) for split in SPLITS)
    subjects = {problem.subject for problem in train.problems}
    manifest = Manifest(
        name=data.name,
        origin=rows.origin,
        revision=rows.revision,
        seed=data.source.seed if isinstance(data.source, GeneratorSource) else None,
        recipe=recipe,
        source_rows=rows.source_rows,
        left_out=rows.left_out,
        columns=list(to_row(train.problems[0], "", work, "train")),
        first_prompt=first_prompt(train.prompts[0], work),
        splits={"train": train.manifest, "test": test.manifest},
        test_prompts_in_train=sum(problem.subject in subjects for problem in test.problems),
    )
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
    return manifest


SPLITS: tuple[Split, ...] = ("train", "test")


def one_split(split: Split, rows: Rows, work: Preparation, folder: Path) -> Prepared:
    """Filters, renders and writes one file."""
    data, dropped = work.data, Dropped()
    source = rows.train if split == "train" else rows.test
    problems = to_problems(source, rows.origin, split, work, dropped)
    problems = short_enough(scorable(problems, work.check, dropped), data, dropped)
    if split == "train" and work.benchmarks:
        shared = tainted([problem.text for problem in problems], work.benchmarks)
        problems = clean(problems, shared, dropped)
    prompts = [shown(data, work.tokenizer, problem.text) for problem in problems]
    prompt_tokens = lengths(work.tokenizer, prompts)
    response_tokens = lengths(work.tokenizer, [p.demonstration or "" for p in problems])
    both = list(zip(prompt_tokens, response_tokens, strict=True))
    kept = within_limits(problems, both, data, split, dropped)
    if not kept:
        raise DataError(
            f"data={data.name}: none of the {len(source)} {split} rows is left "
            f"({in_words(dropped.counts)}); raise data.max_prompt_tokens or "
            "data.max_response_tokens, or correct data.columns, data.keep or reward.check"
        )
    path = folder / f"{split}.parquet"
    written = [to_row(problems[place], prompts[place], work, split) for place in kept]
    write_parquet(path, written * data.repeat if split == "train" else written)
    manifest = SplitManifest(
        file=path.name,
        sha256=file_sha256(path),
        bytes=path.stat().st_size,
        rows_in=len(source),
        rows_out=len(kept) * (data.repeat if split == "train" else 1),
        dropped=dropped.counts,
        left_out=dropped.listed,
        cut_prompts=sum(prompt_tokens[place] > data.max_prompt_tokens for place in kept),
        longest_prompt_tokens=min(
            max(prompt_tokens[place] for place in kept), data.max_prompt_tokens
        ),
        budgets=budget_record([problems[place].budget for place in kept]),
    )
    return Prepared(
        problems=[problems[place] for place in kept],
        prompts=[prompts[place] for place in kept],
        manifest=manifest,
    )


def to_problems(
    source: Sequence[Row], origin: str, split: Split, work: Preparation, dropped: Dropped
) -> list[Problem]:
    """The rows with an answer, their templates filled, in the order of the source."""
    data, columns = work.data, columns_of(work.data)
    found = []
    for index, row in enumerate(source):
        where = f"{origin}, {split} row {index + 1}"
        drawn = budget_fields(data, split, index)
        fields = columns.pick(row, where) | drawn
        problem = Problem(
            index=index,
            text=render(data.template, fields),
            ground_truth=ground_truth(fields, data.ground_truth, where),
            demonstration=demonstration(row, data, where) if work.sft else None,
            subject=render(data.template, fields | without_budget(data)),
            budget=drawn.get("budget"),
        )
        if has_answer(fields, data.ground_truth):
            found.append(problem)
        else:
            dropped.note("no_answer", problem, f"the ground truth is {problem.ground_truth:.100}")
    return found


def demonstration(row: Row, data: Data, where: str) -> str:
    """The worked response of a row."""
    path = data.demonstration or ""
    try:
        text = value_at(row, path, path.split("."))
    except (Absent, ValueError):
        text = None
    if not isinstance(text, str) or not text:
        raise DataError(
            f"{where}: the column {path} (data.demonstration) holds {text!r:.80}; "
            f"expected text; the row has {', '.join(row)}"
        )
    return text


def to_row(problem: Problem, prompt: str, work: Preparation, split: Split) -> Row:
    """A row as verl reads it; with sft the conversation to imitate is added."""
    data, conversation = work.data, stored(work.data, problem.text, prompt)
    row: Row = {
        "data_source": data.task,
        "prompt": conversation,
        "ability": data.task,
        "reward_model": {"style": "rule", "ground_truth": problem.ground_truth},
        "extra_info": {"index": problem.index, "split": split},
    }
    if problem.budget is not None:
        row["extra_info"]["budget"] = problem.budget
    if work.sft:
        row["messages"] = [
            *conversation,
            {"role": "assistant", "content": problem.demonstration},
        ]
    return row


def budget_record(budgets: Sequence[int | None]) -> BudgetRecord | None:
    """The budgets of a split in the terms of the manifest."""
    drawn = [tokens for tokens in budgets if tokens is not None]
    if not drawn:
        return None
    return BudgetRecord(
        smallest=min(map(abs, drawn)),
        largest=max(map(abs, drawn)),
        at_most=sum(tokens < 0 for tokens in drawn),
        sha256=digest(drawn),
    )


def first_prompt(text: str, work: Preparation) -> FirstPrompt:
    """A prompt in the terms of the manifest."""
    return FirstPrompt(
        text=text,
        token_ids_sha256=ids_sha256(token_ids(work.tokenizer, text)),
        chat_template_sha256=template_sha256(work.data, work.tokenizer),
    )


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    """Writes the file in one step: a reader sees the old one or the whole new one."""
    import pyarrow
    import pyarrow.parquet

    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
