"""How many persons each organization has: a few have most of them, as it is in every product."""

from __future__ import annotations


def sizes(organizations: int, persons: int, skew: float) -> list[int]:
    """By Zipf's law: the k-th has a share in proportion to 1 / k**skew; the largest first, and none is empty.

    With a skew of 0 all are alike. Together they are `persons`, at least one for each organization.
    """
    weights = [1 / place**skew for place in range(1, organizations + 1)]
    rest = max(0, persons - organizations)
    total = sum(weights)
    shares = [weight / total * rest for weight in weights]
    found = [int(share) for share in shares]
    # What was lost by rounding goes to those that lost most of it.
    missing = rest - sum(found)
    for place in sorted(range(organizations), key=lambda place: found[place] - shares[place])[:missing]:
        found[place] += 1
    return sorted((1 + share for share in found), reverse=True)
