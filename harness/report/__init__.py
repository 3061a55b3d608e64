"""One self-contained HTML page per run, made only from the files of its directory."""
