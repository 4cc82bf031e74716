"""Where and with how many threads torch computes."""

import os

import torch


def best() -> torch.device:
    """A CUDA device if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def use_threads(count: int = 0) -> None:
    """Set torch's threads for this process; 0 leaves one core to the people who label meanwhile."""
    torch.set_num_threads(count or max(1, (os.cpu_count() or 2) - 1))
