"""What JustRL alone does."""
