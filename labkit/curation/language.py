"""Which language a text is in, as far as it is long enough to tell."""

from __future__ import annotations

import functools
import re
from typing import Any

from labkit import LabError
from labkit.curation.reading import sentences, words

# Common languages only: with all 140 of the model, "do you ship to Munich" comes near languages of few speakers.
_CODES = "ar bg cs da de el en es fi fr he hi hu id it ja ko nl no pl pt ro ru sv tr uk vi zh"
_COMMON = _CODES.split()
_ENGLISH_TEXT = """
the you your yours and that this these those with can cannot can't are will won't please what how when which where
their they its it's not don't doesn't didn't from would i'm i've my we our have has because for of to is be if by
"""
_ENGLISH = frozenset(_ENGLISH_TEXT.split())
_ENOUGH = 2000  # characters that tell the language
_QUOTED = re.compile(
    r"```.*?```|`[^`]*`|\"[^\"\n]*\"|\u201c[^\u201d\n]*\u201d|\u00ab[^\u00bb\n]*\u00bb|\u201e[^\u201c\n]*\u201c|(?<!\w)'[^'\n]*'(?!\w)",
    re.S,
)
_ADDRESS = re.compile(r"\w{1,10}://\S*|www\.\S*|[\w.+-]{1,64}@\S*|\[[^\]\n]*\]|\{\{[^}\n]*\}\}")


@functools.cache
def identifier(language: str) -> Any:
    """The language model over common languages and this one.

    Raises:
        LabError: the model does not know the language.
    """
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    found = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    if language not in found.labels:
        raise LabError(
            f"policy language {language!r}", "is not known", f"use an ISO 639 code, such as {', '.join(_COMMON[:7])}"
        )
    found.set_languages([*_COMMON, *([] if language in _COMMON else [language])])
    return found


def foreign_part(text: str, language: str) -> str:
    """What of a text the language model must look at: nothing where it is short or plainly English as it should be."""
    text = text[:_ENOUGH]
    if language == "en":
        said = sentences(text)
        doubtful = [s for s in said if not _english(s)]
        if sum(map(len, doubtful)) < 0.4 * len(text):
            return ""
        text = " ".join(doubtful)
    text = _ADDRESS.sub(" ", _QUOTED.sub(" ", text))
    if text.isupper():
        text = text.lower()
    # Capitals within a sentence are mostly names; German keeps enough words without its nouns.
    plain = re.findall(r"(?:(?<=^)|(?<=[.!?] )|(?<![^\W\d_]))[^\W\d_]+(?:['\u2019][^\W\d_]+)?", text)
    first = {i for i, m in enumerate(plain) if text.startswith(m)} & {0}
    kept = [w for i, w in enumerate(plain) if i in first or not w[0].isupper()]
    letters = sum(map(len, kept))
    unspaced = letters >= 6 and sum(map(ord, "".join(kept))) / letters > 0x900  # Chinese and others part no words
    return " ".join(kept) if (len(kept) >= 4 and letters >= 14) or unspaced else ""


def _english(sentence: str) -> bool:
    found = words(sentence)
    hits = sum(w in _ENGLISH for w in found)
    return hits >= 2 and hits >= 0.15 * len(found)
