"""What Demystifying Long CoT alone does."""
