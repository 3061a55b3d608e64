"""What Short-RL alone does."""
