"""What oat-zero alone does."""
