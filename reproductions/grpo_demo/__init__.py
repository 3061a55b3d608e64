"""What grpo_demo alone does."""
