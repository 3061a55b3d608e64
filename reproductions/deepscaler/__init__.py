"""DeepScaleR: GRPO with a growing response limit on DeepSeek-R1-Distill-Qwen-1.5B."""
