"""How duplicates are found."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting


@dataclass
class DedupConfig:
    """How near-duplicates are found and removed."""

    name: str = setting(
        "minhash",
        about="Exact removal; near-duplicates too; or those and what says the same in other words.",
        choices=("minhash", "semantic", "exact", "none"),
    )
    implementation: str = setting(
        "fast", about="What finds near-duplicates: batches in numpy, or datasketch.", choices=("fast", "datasketch")
    )
    threshold: float = setting(0.8, about="Jaccard similarity from which two texts are duplicates.", above=0, high=1)
    permutations: int = setting(128, about="Hash functions in a MinHash signature.", low=16, high=1024)
    shingle_words: int = setting(3, about="Words in a shingle.", low=1, high=20)
    common_share: float = setting(
        0.2,
        about="Runs of words in more than this share of the examples (disclaimers) are not compared; 1 is off.",
        low=0,
        high=1,
    )
    seed: int = setting(1, about="Seed of the hash functions.", low=0)
    cosine: float = setting(0.95, about="Cosine from which two meanings are one (semantic).", above=0, high=1)
