"""The pictures of README and tutorials, drawn from real runs: `python -m tests.pictures` writes them."""
