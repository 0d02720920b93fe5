"""Cleaning, scrubbing, rules, decontamination, balance and split."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting
from secft.reasons import SPLIT_RULES


@dataclass
class SplitConfig:
    """How examples are divided; all examples of one weakness or technique stay together."""

    by: str = setting(
        "entity",
        about="What stays together: an entity, or a family (a technique and its sub-techniques, a weakness's parent).",
        choices=SPLIT_RULES,
    )
    test_fraction: float = setting(0.28, about="Entities held out for evaluation.", low=0, high=0.9)
    validation_fraction: float = setting(0.01, about="Entities held out for the validation loss.", low=0, high=0.5)
    most: int = setting(
        5000, about="Most examples of the test split, and of the validation split; what is beyond is trained on.", low=1
    )
    most_dropped: float = setting(
        0.2,
        about="Largest share of what is learned from that may be left out because it repeats answers of the test "
        "split; fewer entities are held out instead.",
        low=0,
        high=1,
    )
    least: int = setting(500, about="Examples that stay in the test split all the same.", low=1)


@dataclass
class SecretsConfig:
    """What is replaced by typed placeholders such as ``<EMAIL>``; indicators of compromise and examples are kept."""

    scrub: bool = setting(
        True, about="Credentials and personal data are replaced by placeholders, in documents before a model is asked."
    )
    detect_secrets: bool = setting(True, about="The plugins of detect-secrets look as well (extra `curation`).")
    base64_entropy: float = setting(
        4.5,
        about="Quoted base64 beside a word such as `token` is a secret above it, bits per character.",
        low=0,
        high=6,
    )
    hex_entropy: float = setting(3.0, about="The same for hexadecimal.", low=0, high=4)
    keep: list[str] = setting([], about="Values that stay as they are, besides the built-in examples.")
    mostly: float = setting(0.5, about="An answer with more than this share of secrets is dropped.", low=0, high=1)


@dataclass
class InjectionConfig:
    """Instructions aimed at a model that stand where data belongs."""

    drop: bool = setting(True, about="Examples with an injection in a text to be learned or read are dropped.")


@dataclass
class LanguageConfig:
    """Which languages are kept; short and technical texts are not judged."""

    languages: list[str] = setting([], about="Kept languages, ISO 639-1, for example [en,es]; empty keeps all.")
    min_letters: int = setting(60, about="Texts with fewer letters are not judged.", low=10)
    probability: float = setting(
        0.6, about="A text is dropped for another language only at this probability.", low=0, high=1
    )


@dataclass
class QualityConfig:
    """Rules on answers; answers of choices are exempt from all that measure length or prose."""

    drop: bool = setting(True, about="Answers that break a rule are dropped.")
    prose_words: int = setting(20, about="Ratios are taken of answers with at least so many words.", low=5)
    repetition_words: int = setting(80, about="Repeated n-grams are counted from so many words on.", low=10)
    mean_word_length: list[float] = setting([2.5, 14.0], about="Smallest and largest mean length of a word.")
    max_symbol_share: float = setting(0.1, about="Number signs and ellipses per word.", low=0)
    max_digit_share: float = setting(0.4, about="Digits per character that is no space.", low=0, high=1)
    min_alphabetic_share: float = setting(0.6, about="Words with a letter, per word.", low=0, high=1)
    max_bullet_share: float = setting(
        1.0, about="Lines that begin with a bullet; lists are answers, so 1 is off.", low=0, high=1
    )
    max_ellipsis_share: float = setting(0.3, about="Lines that end in an ellipsis.", low=0, high=1)
    max_repeated_lines: float = setting(0.3, about="Lines that stood before, per line.", low=0, high=1)
    max_top_ngram: list[float] = setting(
        [0.2, 0.18, 0.16], about="Share of characters in the commonest 2-, 3- and 4-gram."
    )
    max_repeated_ngrams: float = setting(0.3, about="Share of words inside repeated 5-grams.", low=0, high=1)
    unfinished: bool = setting(
        True, about="Answers that end in an ellipsis or in the middle of a sentence are dropped."
    )
    disclaimers: bool = setting(True, about="Refusals and talk about being a model are dropped outside of `refuse`.")


@dataclass
class ToxicityConfig:
    """Slurs, harassment, calls to self-harm; words of the trade such as kill or attack are fine."""

    drop: bool = setting(True, about="Examples that contain them are dropped; requests that get refused are not.")


@dataclass
class CoherenceConfig:
    """Question and answer belong together."""

    drop: bool = setting(
        True, about="Answers that share nothing with their question, or name unknown ids, are dropped."
    )
    min_words: int = setting(8, about="Answers with fewer words are not compared with their question.", low=1)


@dataclass
class LabelConfig:
    """Same question, different answer."""

    conflicts: str = setting(
        "majority",
        about="Of equal questions with different labels: keep the label that most have (none on a tie), drop all, or "
        "keep all.",
        choices=("majority", "drop", "keep"),
    )
    near: str = setting(
        "flag",
        about="Questions with the same words in another order, and different right choices.",
        choices=("flag", "drop"),
    )


@dataclass
class BalanceConfig:
    """Mixture of source x task x class in the training split."""

    temperature: float = setting(
        1.0, about="Groups are down-sampled in proportion to n^(1/T); 1 leaves them as they are.", low=1, high=100
    )
    target: int | None = setting(
        None, about="Training examples to keep; null keeps groups up to the median whole (temperature above 1).", low=1
    )
    added_share: float = setting(
        0.25,
        about="Largest share of the training split that secft's own small talk, refusals and harmless requests have.",
        low=0,
        high=0.9,
    )


@dataclass
class GuardConfig:
    """What is measured elsewhere stays out of training: evaluation sets of secft, and files of the user's."""

    files: list[str] = setting(
        [], about="Evaluation sets as JSON, JSONL, TSV or text (gzipped or not) that training must not have seen."
    )
    words: int = setting(13, about="Shared run of words that gives an item away; 0 is off.", low=0, high=100)
    short_words: int = setting(
        6, about="Items of at least so many words also count when they stand whole in a text.", low=3
    )
    vulnerability_ids: bool = setting(
        True, about="Training examples about a CVE or GHSA that an item names are dropped."
    )
    subject_ids: bool = setting(False, about="The same for CWE, CAPEC and ATT&CK ids, which are the subject matter.")
    similarity: float | None = setting(
        None,
        about="Cosine of embeddings at which an example gives an item away, for example 0.9; null is off.",
        low=0.3,
        high=1,
    )


@dataclass
class CurationConfig:
    """Cleaning, length rules, decontamination, balance and split."""

    name: str = setting("standard", about="Which curation is used.", choices=("standard",))
    min_answer_tokens: int = setting(1, about="Shorter answers are dropped (tokens of the model).", low=1)
    max_tokens: int | None = setting(
        None, about="Longer conversations are dropped (tokens of the model); null means trainer.max_length.", low=16
    )
    decontamination_words: int = setting(
        13,
        about="A training example that shares this many words in a row with a test answer is dropped; 0 is off.",
        low=0,
        high=100,
    )
    common_share: float = setting(
        0.05,
        about="Runs of words in more than this share of the answers (signatures, disclaimers, standard advice) give "
        "nothing away, nor do those in more than 1,000; 1 is off.",
        low=0,
        high=1,
    )
    max_examples_per_task: dict[str, int] = setting(
        {
            "classify": 150,
            "consequence": 600,
            "detect": 100,
            "explain": 150,
            "mitigate": 120,
            "multiple_choice": 250,
            "refuse": 70,
            "assist": 640,
            "tactic": 1000,
            "weakness": 150,
            "technique": 150,
            "severity": 200,
            "false_positives": 100,
            "log_source": 100,
            "write_rule": 150,
            "implement": 150,
            "check": 100,
            "guidance": 400,
            "triage": 200,
            "agent_answer": 200,
        },
        about="Seeded cap on the training examples of a task, balanced over its labels; the default fits ten minutes "
        "of two CPU cores.",
    )
    split: SplitConfig = setting(SplitConfig(), about="Fractions of the splits.")
    secrets: SecretsConfig = setting(SecretsConfig(), about="Credentials and personal data.")
    injection: InjectionConfig = setting(InjectionConfig(), about="Prompt injection.")
    language: LanguageConfig = setting(LanguageConfig(), about="Languages.")
    quality: QualityConfig = setting(QualityConfig(), about="Rules on answers.")
    toxicity: ToxicityConfig = setting(ToxicityConfig(), about="Toxic language.")
    coherence: CoherenceConfig = setting(CoherenceConfig(), about="Question and answer.")
    labels: LabelConfig = setting(LabelConfig(), about="Conflicting labels.")
    balance: BalanceConfig = setting(BalanceConfig(), about="Temperature of the mixture.")
    guard: GuardConfig = setting(GuardConfig(), about="Evaluation sets that training must not have seen.")
