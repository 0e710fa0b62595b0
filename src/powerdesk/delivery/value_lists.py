"""Lists of values in one text: comma separated; a value that holds a comma stands in double quotes, doubled inside."""

from __future__ import annotations

import re

QUOTE = re.compile(r'[ \t]{0,9}"')
QUOTED = re.compile(r'[ \t]{0,9}"((?:[^"]|"")*)"\s*(?:,|\Z)')


def split(text: str) -> list[str]:
    """Return the values without the blanks around them and without empty ones: `a, "b, c"` has two. O(n).

    Quotes that do not close before a comma or the end are letters, from there on.
    """
    found: list[str] = []
    at, quotes = 0, True
    while at < len(text):
        if quotes and QUOTE.match(text, at):
            match = QUOTED.match(text, at)
            quotes = match is not None
            if match is not None:
                found.append(match[1].replace('""', '"'))
                at = match.end()
                continue
        end = text.find(",", at)
        end = len(text) if end < 0 else end
        found.append(text[at:end].strip())
        at = end + 1
    return [one for one in found if one]
