"""One question a file, the bare library and the peers beside us. Run one with `python -m benchmarks.<name>`."""
