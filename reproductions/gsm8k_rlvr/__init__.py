"""What GSM8K-RLVR alone does."""
