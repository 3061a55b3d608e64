"""What CPPO alone does."""
