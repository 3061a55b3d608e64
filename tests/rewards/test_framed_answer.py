"""Thought and answer in tags: what counts as format, and whose text is read."""

import pytest

from harness.rewards import Sample
from harness.rewards.framed_answer import FramedAnswer, framed_answer

PLAIN = "Use <think> and <answer>.\nUser:What?\nAssistant: <think>"
CHAT = "<|im_start|>user\nWhat?<|im_end|>\n<|im_start|>assistant\n<think>"


def found(prompt: str, response: str) -> FramedAnswer:
    return framed_answer(Sample(prompt=prompt, response=response, ground_truth=None))


@pytest.mark.parametrize("prompt", [PLAIN, CHAT])
def test_the_prompt_opens_the_thought(prompt: str) -> None:
    right = FramedAnswer(in_format=True, answer="7")
    assert found(prompt, " so </think>\n<answer> 7\n</answer> done") == right
    wrong = FramedAnswer(in_format=False, answer=None)
    assert found(prompt, "<think> so </think><answer>7</answer>") == wrong
    assert found(prompt, " so <answer>7</answer></think>") == wrong
    assert found(prompt, " so </think><answer>7") == wrong


def test_plain_text_goes_before_chat_markup() -> None:
    assert found(PLAIN + CHAT, "</think><answer>7</answer>").in_format is False
    assert found(CHAT, "</think><answer>Assistant: 7</answer>").answer is None


def test_nobody_speaks() -> None:
    text = found("<think>", "so </think><answer>7</answer>")
    assert text == FramedAnswer(in_format=True, answer=None)


def test_an_empty_answer_is_an_answer() -> None:
    assert found(CHAT, "</think><answer> </answer>") == FramedAnswer(in_format=True, answer="")
