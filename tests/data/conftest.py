"""The tokenizer of the tests of data preparation: every byte is one token."""

import pytest


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a tokenizer in which every byte is one token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe = Tokenizer(models.BPE(vocab={c: n for n, c in enumerate(alphabet)}, merges=[]))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.decoder = decoders.ByteLevel()
    folder = tmp_path_factory.mktemp("tokenizer")
    template = "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}[reply]"
    PreTrainedTokenizerFast(tokenizer_object=bpe, chat_template=template).save_pretrained(folder)
    return str(folder)
