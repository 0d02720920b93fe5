"""Why something was left out: a code with a value, and its words in English and Spanish, each once.

Steps of curation and why they drop an example, why a teacher's text is rejected, why a source refuses a record or a
page, why a document gives no example of a task. To add a reason: use its code, and give it a line in the table of its
family (sources.py, fetching.py, templates.py, curation.py, teacher.py). Manifests hold the spelling of a reason
(``length.long 512``), reports its words. A spelling that is none, as files of earlier versions hold, is recognised by
its English words, and shown as it is where it has none.
"""

from secft.reasons.kinds import SPANISH_KINDS
from secft.reasons.reason import Language, Reason, counted_text, kind_text, read_reason, reason_text
from secft.reasons.tables import SPLIT_RULES, TABLES, WORDS, WORDS_BEFORE

__all__ = [
    "SPANISH_KINDS",
    "SPLIT_RULES",
    "TABLES",
    "WORDS",
    "WORDS_BEFORE",
    "Language",
    "Reason",
    "counted_text",
    "kind_text",
    "read_reason",
    "reason_text",
]
