"""Text in cells of CSV: none that a spreadsheet takes for a formula (OWASP, CSV injection)."""

from __future__ import annotations

import re

FORMULA = "^'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
"""What a spreadsheet may run, also in full width, and behind the quotes that `guarded` puts before it."""
QUOTE = "'"
_FORMULA = re.compile(FORMULA)


def guarded(text: str) -> str:
    """Return the text, with a single quote before it where a spreadsheet would take it for a formula.

    A text that begins like a guarded one gets another quote, so that taking one away gives the text back. Numbers are
    no text and stay as they are.
    """
    return QUOTE + text if _FORMULA.match(text) else text
