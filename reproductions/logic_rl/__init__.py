"""What Logic-RL alone does."""
