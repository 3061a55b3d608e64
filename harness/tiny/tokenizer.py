"""The tiny base's tokenizer: a token for each phrase and number of the task, bytes for the rest.

It is a Qwen2Tokenizer because AutoTokenizer gives every Qwen2 model one, whatever its files say.
Phrases are added tokens: those are matched before the class splits text its own way.
"""

import re
from collections.abc import Iterable

from tokenizers import AddedToken
from tokenizers.pre_tokenizers import ByteLevel
from transformers import Qwen2Tokenizer

PAD = "<|endoftext|>"
START = "<|im_start|>"
END = "<|im_end|>"
NUMBERS = range(100)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def phrases(texts: Iterable[str]) -> list[str]:
    """Every stretch of text longer than a character between numbers and special tokens."""
    between = re.compile(r"\d+|<\|\w+\|>")
    return sorted({part for text in texts for part in between.split(text) if len(part) > 1})


def make_tokenizer(texts: Iterable[str]) -> Qwen2Tokenizer:
    """Tokens for bytes, for the phrases of the given texts and for the numbers below 100."""
    base = [PAD, START, END, *sorted(ByteLevel.alphabet())]
    tokenizer = Qwen2Tokenizer(
        vocab={token: index for index, token in enumerate(base)},
        merges=[],
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[START],
        chat_template=CHAT_TEMPLATE,
        model_max_length=8192,
    )
    whole = [*phrases(texts), *(str(number) for number in NUMBERS)]
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in whole])
    return tokenizer
