"""What Tina alone does."""
