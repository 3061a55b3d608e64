"""Spurious Rewards: GRPO with rewards that know nothing of the answer, beside one that does."""
