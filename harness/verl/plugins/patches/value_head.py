"""Patch of verl/utils/model.py:653, which loads every critic with flash_attention_2.

verl ignores the configured attention there, so that a critic needs the flash-attn package.
"""

from types import ModuleType
from typing import Any


def apply(module: ModuleType) -> None:
    """Load the critic with the attention that its configuration already holds."""

    def load_valuehead_model(
        local_path: str, torch_dtype: Any, model_config: Any, trust_remote_code: bool
    ) -> Any:
        from transformers import AutoModelForTokenClassification

        return AutoModelForTokenClassification.from_pretrained(
            local_path,
            dtype=torch_dtype,
            config=model_config,
            trust_remote_code=trust_remote_code,
        )

    module.load_valuehead_model = load_valuehead_model  # type: ignore[attr-defined]
