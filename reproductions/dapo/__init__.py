"""DAPO: decoupled clipping and dynamic sampling on Qwen2.5-32B."""
