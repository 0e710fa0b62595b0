"""The one error shape: what was found, what is allowed, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

DOCS_ROOT = "/docs/problems/"


@dataclass(frozen=True, slots=True)
class Finding:
    """One data-quality fault: where it is, what was found, what is allowed, what to do."""

    pointer: str
    found: str
    allowed: str
    remedy: str

    def __str__(self) -> str:
        """Return the finding as one readable line."""
        return f"{self.pointer}: found {self.found}; allowed {self.allowed}; {self.remedy}"


class Problem(Exception):  # noqa: N818 - the word is RFC 9457's and every subclass ends in it or in Error
    """An expected failure with an HTTP status, a stable slug and a remedy.

    Subclasses live beside what raises them and set `status`, `slug` and `title`.
    `slug` names the page docs/problems/<slug>.md, which must exist.
    """

    status: ClassVar[int] = 400
    slug: ClassVar[str] = "bad-request"
    title: ClassVar[str] = "The request cannot be done"

    def __init__(
        self,
        *,
        found: str,
        allowed: str,
        remedy: str,
        findings: tuple[Finding, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{found}; allowed: {allowed}; {remedy}")
        self.found = found
        self.allowed = allowed
        self.remedy = remedy
        self.findings = findings
        self.retry_after_s = retry_after_s

    @property
    def type_url(self) -> str:
        """The page that explains this class of problem."""
        return DOCS_ROOT + self.slug

    @property
    def detail(self) -> str:
        """One sentence: found, allowed, remedy."""
        return str(self)
