"""Tasks for plain lm-eval: `lm_eval --include_path evals/lm_eval --tasks reprise_aime24 ...`."""
