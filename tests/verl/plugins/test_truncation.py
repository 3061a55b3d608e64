"""Masking of truncated responses without Ray."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from harness.verl.plugins import storage  # noqa: E402
from harness.verl.plugins.truncation import AllTruncated, mask_truncated  # noqa: E402
from tests.verl.plugins.storage import Queue, batch, row  # noqa: E402


def stored(monkeypatch: pytest.MonkeyPatch, **truncated: bool) -> Queue:
    made = Queue(
        {
            f"{prompt}_0_0": row(tokens, 1.0, correct=True, truncated=out)
            for tokens, (prompt, out) in enumerate(truncated.items(), start=2)
        }
    )
    monkeypatch.setattr(storage, "transfer_queue", made)
    return made


def test_truncated_responses_are_masked_in_both_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = stored(monkeypatch, a=False, b=True, pad=True, c=True, d=False)
    metrics = mask_truncated(batch(*queue.rows))
    for name in ("response_mask", "loss_mask"):
        kept = {key[:1]: int(content[name].sum()) for key, content in queue.rows.items()}
        assert kept == {"a": 2, "b": 0, "p": 0, "c": 0, "d": 6}
        assert len(queue.rows["b_0_0"][name]) == 3
    assert metrics == {"training/masked_truncated": 0.5}


def test_a_step_of_truncated_responses_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = stored(monkeypatch, a=True, b=True, pad=False)
    with pytest.raises(AllTruncated, match=r"all 2 responses.*data\.max_response_tokens"):
        mask_truncated(batch(*queue.rows))
