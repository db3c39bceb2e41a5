"""What the service explains, in the words of a language."""

from __future__ import annotations

from typing import Any

from laurels.engine.explanations import PostingExplanation
from laurels.engine.sentences import sentences


def said(explanation: PostingExplanation, lang: str) -> dict[str, Any]:
    """Everything that an explanation holds, and the same as sentences.

    Raises: RequestError for a language that there is none of.
    """
    return {"sentences": sentences(explanation, lang), **explanation.as_data()}
