from __future__ import annotations

import random

from secft.dataset.natural import natural, natural_bytes


def test_bytes_sort_as_keys_do() -> None:
    random_ = random.Random(5)
    parts = ["CWE-", "9", "79", "079", "0", "a", "b\x00", "\x00", "é", "\u0663", "", "10" * 30, ":", "~", "0" * 4]
    names = ["".join(random_.choices(parts, k=random_.randrange(7))) for _ in range(3000)]
    keys = {name: (natural(name), natural_bytes(name)) for name in names}
    for one, other in zip(names, random_.sample(names, len(names)), strict=True):
        (left, left_bytes), (right, right_bytes) = keys[one], keys[other]
        assert (left < right, left == right) == (left_bytes < right_bytes, left_bytes == right_bytes), (one, other)
    assert sorted(["T10", "T9", "T1.10", "T1.9"], key=natural_bytes) == ["T1.9", "T1.10", "T9", "T10"]
