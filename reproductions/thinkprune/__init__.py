"""ThinkPrune: GRPO whose response limit shrinks, in the prompt and in what is scored."""
