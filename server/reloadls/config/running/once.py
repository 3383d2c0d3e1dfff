"""Loads a configuration once, without following it: for `reloadls config check` and `show`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from reloadls.config.problem import Problem
from reloadls.config.running.reading import problem_of, read_sources
from reloadls.config.source import AnySource, Part, Source
from reloadls.config.values.candidate import Candidate, make_candidate
from reloadls.config.values.models import Model

__all__ = ["load_once"]


async def load_once(model: Model, sources: Sequence[AnySource]) -> tuple[Candidate, tuple[Problem, ...]]:
    """Fetch and read all sources, and validate what they hold.

    Args:
        model: what validates.
        sources: the sources, the weakest first.

    Returns:
        What they hold as far as it can be read, and everything that is wrong.
    """
    fetched: dict[str, Part] = {}
    problems: list[Problem] = []
    for source in sources:
        if not isinstance(source, Source):
            continue
        try:
            part = await source.fetch(None)
        except Exception as error:
            problems.append(problem_of(source, error, "unavailable"))
        else:
            fetched[source.name] = Part() if part is None else part
        finally:
            await source.close()
    looked = await asyncio.to_thread(read_sources, sources, fetched)
    candidate = await asyncio.to_thread(make_candidate, model, looked.parts)
    unread = (*problems, *looked.problems)
    # What is missing may be in a source that can't be read.
    found = [problem for problem in candidate.problems if not unread or problem.code != "missing"]
    return candidate, (*unread, *found)
