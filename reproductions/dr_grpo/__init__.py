"""What Dr. GRPO alone does."""
