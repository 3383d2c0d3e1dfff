"""Which statements of a module contain a word, found without a look at the others."""

from __future__ import annotations

from .statements import Facts, Source, Statement

__all__ = ["Mentions"]


class Mentions:
    """An index of a source's words; what an edit leaves as it was is not read again."""

    def __init__(self) -> None:
        self.source: Source | None = None
        """What it is about."""
        self._at: dict[Facts, Statement] = {}
        self._by_word: dict[str, list[Facts]] = {}

    def follow(self, source: Source) -> None:
        """Be about this source from now on."""
        if source is self.source:
            return
        now = {each.facts: each for each in source.statements}
        for facts in self._at.keys() - now.keys():
            for word in facts.words:
                known = self._by_word[word]
                known.remove(facts)
                if not known:
                    del self._by_word[word]
        for facts in now.keys() - self._at.keys():
            for word in facts.words:
                self._by_word.setdefault(word, []).append(facts)
        self.source, self._at = source, now

    def of(self, words: frozenset[str]) -> list[Statement]:
        """The statements with any of these words, and those with a star import, in their order."""
        if self._by_word.keys().isdisjoint(words) and "*" not in self._by_word:
            return []
        found: list[Facts] = self._by_word.get("*", [])
        for word in words:
            if word in self._by_word:
                found = found + self._by_word[word]
        if len(found) < 2:
            return [self._at[facts] for facts in found]
        return sorted({self._at[facts] for facts in found}, key=lambda each: each.first)
