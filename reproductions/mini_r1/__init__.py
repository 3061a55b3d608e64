"""What Mini-R1 alone does."""
