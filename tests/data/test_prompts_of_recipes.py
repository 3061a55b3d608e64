"""What each recipe's model is shown, pinned as text and token ids.

The tiny models' tokenizers stand in for the full-size ones; the text is the same up to the problem.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from harness.chain import legs
from harness.data.rendering import rendered
from harness.data.rows import load_rows
from harness.data.tokens import load_tokenizer
from harness.explain import options
from harness.paths import model_path
from harness.spec import Data
from tests.composing import spec_of

GOLDEN = Path(__file__).parents[1] / "golden" / "prompts.json"


def shown(recipe: str) -> dict[str, Any]:
    """The first training prompt of the recipe's first training, in miniature."""
    spec = legs(spec_of(f"+repro={recipe}"))[0].spec
    data: Data = spec.data.model_copy(update={"train_rows": 1, "test_rows": 1})
    row = load_rows(data).train[0]
    text, ids = rendered(data, load_tokenizer(model_path(spec.model)), row)
    return {"text": text, "token_ids": " ".join(map(str, ids))}


@pytest.mark.parametrize("recipe", options("repro"))
def test_the_prompt_is_the_pinned_one(recipe: str) -> None:
    """REPRISE_UPDATE_GOLDEN=1 rewrites the file; read the difference before committing it."""
    pinned = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    found = shown(recipe)
    if os.environ.get("REPRISE_UPDATE_GOLDEN"):
        pinned = dict(sorted({**pinned, recipe: found}.items()))
        GOLDEN.write_text(json.dumps(pinned, indent=1, ensure_ascii=False) + "\n")
    assert found == pinned[recipe]
