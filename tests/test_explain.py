"""What a person reads instead of the words of Hydra's grammar."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from harness.explain import explain_hydra


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("++launch.gres=gpu:{count}", """'launch.gres="gpu:{count}"'"""),
        ("tinyzero", "+repro=name (recipes: aalc"),
    ],
)
def test_a_word_that_hydra_cannot_read_is_named_with_what_to_write(word: str, told: str) -> None:
    with pytest.raises(OverrideParseException) as refused:
        OverridesParser.create().parse_overrides([word])
    said = str(explain_hydra(refused.value))
    assert said.startswith(f"{word.removeprefix('++')} is not understood") and told in said


def test_the_spelling_that_is_proposed_is_understood() -> None:
    override = OverridesParser.create().parse_override('launch.gres="gpu:{count}"')
    assert override.value() == "gpu:{count}"
