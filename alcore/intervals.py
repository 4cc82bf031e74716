"""Intervals of shares, without arrays: the web may use them too."""

from math import sqrt

Z95 = 1.959963984540054


def wilson(correct: float, total: float) -> tuple[float, float]:
    """The 95 % interval of a share; (0, 1) without any observation. Source: Wilson (1927)."""
    if total == 0:
        return 0.0, 1.0
    share = correct / total
    center = (share + Z95**2 / (2 * total)) / (1 + Z95**2 / total)
    half = Z95 * sqrt(share * (1 - share) / total + Z95**2 / (4 * total**2)) / (1 + Z95**2 / total)
    return max(0.0, center - half), min(1.0, center + half)
