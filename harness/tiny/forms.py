"""The forms in which recipes want their answers: which problems, which prompt, which response; the
builder of a tiny base learns from them and tests hold rewards against them."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from transformers import Qwen2Tokenizer

from harness.data.budgets import budget_fields
from harness.data.columns import columns_of
from harness.data.generators import GENERATORS, stable_hash
from harness.data.prompts import render
from harness.data.rendering import rendered, shown
from harness.explain import CONF_DIR
from harness.spec import Data, GeneratorSource
from harness.tiny.tokenizer import make_tokenizer, phrases
from harness.tiny.worked import WAYS, Row, Ways, Worked

WORD = re.compile(r"[A-Z][a-z]+| [a-z]{2,}")  # a name is the same token with and without a space
BUDGETS = 64  # different places of rows, so that a form shows many budgets
PLACE = "0"  # stands for what varies: phrases end at numbers


@dataclass(frozen=True, slots=True)
class Form:
    """A data option and the response that its recipe wants."""

    name: str
    data: Data
    text: str
    """The response, with {work} and {answer}."""

    def rows(self, rows: int, *, seed: int, split: str) -> list[dict[str, Any]]:
        """Generated problems of the option."""
        arguments = self._source().arguments
        return GENERATORS[self.generator](rows, seed=seed, split=split, **arguments)

    @property
    def generator(self) -> str:
        """What makes the problems."""
        return self._source().generator

    def prompt(self, tokenizer: Qwen2Tokenizer, row: Row) -> str:
        """The prompt, as training shows it; where rows have budgets, with one of them."""
        return rendered(self.data, tokenizer, row, index=stable_hash(row) % BUDGETS)[0]

    def ways(self, row: Row) -> Ways:
        """Right and wrong ways to solve a problem."""
        return WAYS[self.generator](row)

    def response(self, worked: Worked) -> str:
        """One of them in the recipe's form."""
        return self.text.replace("{work}", worked.work).replace("{answer}", worked.answer)

    def drawn(self, row: Row, rng: random.Random, spoiled: float) -> str:
        """A right response, or in a `spoiled` share a wrong one."""
        right, wrong = self.ways(row)
        return self.response(rng.choice(wrong if wrong and rng.random() < spoiled else right))

    def solved(self, reply: str, row: Row) -> bool:
        """Does a reply end as a right response does?"""
        ends = self.text.partition("{work}")[2]
        return any(reply.endswith(ends.replace("{answer}", w.answer)) for w in self.ways(row).right)

    def _source(self) -> GeneratorSource:
        assert isinstance(self.data.source, GeneratorSource)
        return self.data.source


def load_forms(path: Path) -> list[Form]:
    """The forms of a YAML file {option of conf/data/miniature: response}."""
    written: dict[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [Form(name, data_of(f"miniature/{name}"), text) for name, text in written.items()]


def data_of(option: str) -> Data:
    """The data part of a command line with `data=<option>`."""
    with initialize_config_dir(str(CONF_DIR), version_base=None):
        config = compose("config", [f"data={option}"]).data
    return Data.model_validate(OmegaConf.to_container(config, resolve=True))


def tokenizer_for(forms: Sequence[Form], rows: int, seed: int) -> Qwen2Tokenizer:
    """A token for each constant stretch of the frames and for each word of `rows` problems."""
    plain = make_tokenizer([])
    texts: list[str] = []
    for form in forms:
        columns = columns_of(form.data).columns
        fields = {column.field: PLACE for column in columns} | budget_fields(form.data, "train", 0)
        frame = render(form.data.template, fields)
        texts.append(shown(form.data, plain, frame))
        texts.append(form.response(Worked(PLACE, PLACE)))
        made = form.rows(rows, seed=seed, split="train")
        texts += varying(form, made)
    return make_tokenizer(texts)


def varying(form: Form, rows: Sequence[Row]) -> Iterator[str]:
    """What differs between problems, in pieces: how their texts begin, and single words."""
    columns = columns_of(form.data)
    picked = [columns.pick(row, form.name) for row in rows]
    for field in picked[0]:
        values = [fields[field] for fields in picked]
        if not all(isinstance(value, str) for value in values):
            continue
        yield from phrases([opening(values)])
        for value in values:
            yield from WORD.findall(value)


def opening(texts: Sequence[str]) -> str:
    """The stretch that all texts begin with."""
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*texts, strict=False))
    return "".join(letters[0] for letters in same)
