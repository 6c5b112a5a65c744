"""The book's machinery: profiles, artefacts, records, figures; running, checking and rendering chapters."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mixvocab_book.chapter import Chapter, open_chapter

__all__ = ["Chapter", "open_chapter"]


def __getattr__(name: str) -> Any:
    """Import what chapters need only when they ask: `mixbook status` should answer at once."""
    if name in __all__:
        from mixvocab_book import chapter

        return getattr(chapter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
