"""Which rows of a source are for training and which are held out; prepare.py makes prompts of them.

In this order: the source must be as long as data.source_rows says; rows outside data.keep and
repeated prompts do not belong to the data set; what is left is drawn (data.subset_seed) and cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.data.budgets import without_budget
from harness.data.columns import columns_of
from harness.data.prompts import render
from harness.data.row_files import Row
from harness.data.sources import Part, open_source, part_of
from harness.errors import DataError
from harness.spec import Data


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of a data set, and where they really came from."""

    train: list[Row]
    test: list[Row]
    origin: str
    """The source in words, for messages and the manifest."""
    revision: str | None
    """Hub commit of the rows, if they come from the hub and it could be found out."""
    source_rows: int
    """Rows of the source that training rows were taken from."""
    left_out: dict[str, int]
    """Rows that do not belong to the data set: not_kept, duplicate."""


def load_rows(data: Data) -> Rows:
    """Training and held-out rows.

    Raises:
        DataError: there are not exactly source_rows of them, or too few.
    """
    opened = open_source(data)
    if data.source_rows not in (None, opened.train.length):
        raise DataError(
            f"{opened.train.origin}: has {opened.train.length} rows, data.source_rows expects "
            f"{data.source_rows}: it is another version of the data set. Provide the one that was "
            "meant (data.source.revision for the hub), or set data.source_rows=null"
        )
    left_out: dict[str, int] = {}
    train = belonging(opened.train, data, left_out)
    test = belonging(opened.test, data, left_out) if opened.test else None
    order = drawn(train.length, data.subset_seed)
    for_training, held_out = cut(order, train, test, data, exact=not opened.made_to_measure)
    return Rows(
        train=train.take(for_training),
        test=(test or train).take(held_out),
        origin=opened.origin,
        revision=opened.revision,
        source_rows=opened.train.length,
        left_out=left_out,
    )


def belonging(part: Part, data: Data, left_out: dict[str, int]) -> Part:
    """The rows that belong to the data set; counts the others in `left_out`."""
    if not data.keep and not data.drop_duplicates:
        return part
    columns = columns_of(data)
    seen: set[str] = set()
    kept = []
    for number, row in enumerate(part.take(range(part.length)), start=1):
        fields = columns.pick(row, f"{part.origin}, row {number}")
        if any(fields[name] not in values for name, values in data.keep.items()):
            left_out["not_kept"] = left_out.get("not_kept", 0) + 1
            continue
        if data.drop_duplicates:
            prompt = render(data.template, fields | without_budget(data))
            if prompt in seen:
                left_out["duplicate"] = left_out.get("duplicate", 0) + 1
                continue
            seen.add(prompt)
        kept.append(row)
    return part_of(
        kept, f"{part.origin}, without what data.keep and data.drop_duplicates leave out"
    )


def drawn(rows: int, seed: int | None) -> Sequence[int]:
    """Positions in the order in which rows are taken.

    With a seed it is the order of `datasets.Dataset.shuffle(seed)`: numpy's default generator.
    """
    if seed is None:
        return range(rows)
    import numpy as np

    order: list[int] = np.random.default_rng(seed).permutation(rows).tolist()
    return order


def cut(
    order: Sequence[int], train: Part, test: Part | None, data: Data, *, exact: bool
) -> tuple[Sequence[int], Sequence[int]]:
    """Positions of training rows, from the start, and of held-out rows: right behind them, or the
    first ones of a part of their own.

    Args:
        exact: Fewer rows than asked for are an error.
    """
    if test is not None:
        wanted = train.length if data.train_rows is None else data.train_rows
        if exact:
            _enough(train, "data.train_rows", wanted)
            _enough(test, "data.test_rows", data.test_rows)
        return order[:wanted], range(min(data.test_rows, test.length))
    rows = train.length - data.test_rows if data.train_rows is None else data.train_rows
    if rows < 1:
        raise DataError(
            f"{train.origin}: has {train.length} rows, data.test_rows={data.test_rows} leaves none "
            "to train"
        )
    _enough(train, "data.train_rows + data.test_rows", rows + data.test_rows)
    return order[:rows], order[rows : rows + data.test_rows]


def _enough(part: Part, name: str, wanted: int) -> None:
    if part.length < wanted:
        raise DataError(
            f"{part.origin}: has {part.length} rows, {name} asks for {wanted}; lower it"
        )
