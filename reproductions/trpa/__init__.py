"""What TRPA alone does."""
