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
        self._asked: dict[frozenset[str], tuple[Statement, ...]] = {}

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
        self._asked.clear()

    def of(self, words: frozenset[str]) -> tuple[Statement, ...]:
        """The statements with any of these words, and those with a star import, in their order."""
        found = self._asked.get(words)
        if found is None:
            if len(self._asked) == _MOST_ASKED:
                self._asked.clear()
            facts = {each for word in (*words, "*") for each in self._by_word.get(word, ())}
            found = tuple(sorted((self._at[each] for each in facts), key=lambda each: each.first))
            self._asked[words] = found
        return found


_MOST_ASKED = 16
"""How many answers are kept, as the same few words are asked for at each edit."""
