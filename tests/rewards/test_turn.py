"""The assistant's turn of a ChatML text: where it begins and what ends it."""

from harness.rewards.turn import assistant_turn

START = "<|im_start|>assistant\n"


def test_it_begins_behind_the_first_header() -> None:
    assert assistant_turn(f"question {START}one {START}two") == f"\none {START}two"


def test_a_text_without_a_header_counts_as_a_whole() -> None:
    assert assistant_turn("no header <|im_end|> rest") == "no header"


def test_each_stop_cuts_in_turn_and_strips() -> None:
    assert assistant_turn(f"{START} a <|endoftext|> b </s> c") == "a"
    assert assistant_turn(f"{START} a ") == "\n a "
    assert assistant_turn(f"{START}a<end>b<|im_end|>", ["<end>"]) == "a"
