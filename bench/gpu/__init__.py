"""What a GPU machine can prove: `python -m bench.gpu <part>` measures it and writes results."""
