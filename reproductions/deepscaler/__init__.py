"""DeepScaleR: what this project alone does."""
