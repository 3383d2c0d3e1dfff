"""Resolve a client's workspace folders and options to a scope."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lsprotocol import types

from reloadls.protocol import Options, from_uri, one_spelling
from reloadls.watch.discovery import working_folder
from reloadls.watch.scope.patterns import check_pattern
from reloadls.watch.scope.scope import Scope
from reloadls.watch.scope.wildcards import LONGEST_PATTERN
from reloadls.wire.text import show

__all__ = ["ResolvedScope", "changed_folders", "folders_of", "encodable", "scope_of"]


@dataclass(frozen=True, slots=True)
class ResolvedScope:
    """The scope that a client's options describe.

    Attributes:
        scope: the paths to watch.
        problems: (field, message) of each value that can't be used.
    """

    scope: Scope
    problems: tuple[tuple[str, str], ...]


def folders_of(params: types.InitializeParams) -> list[str] | None:
    """Return the URIs of the workspace folders or, of an older client, its root; None if the client sent none."""
    if params.workspace_folders:
        return _distinct(folder.uri for folder in params.workspace_folders)
    if params.root_uri:
        return [params.root_uri]
    return [params.root_path] if params.root_path else None


def changed_folders(folders: Sequence[str], event: types.WorkspaceFoldersChangeEvent) -> list[str]:
    """Return `folders` after `event`, in order; different URIs of one folder count as one."""
    removed = {one_spelling(folder.uri) for folder in event.removed}
    kept = [folder for folder in folders if one_spelling(folder) not in removed]
    return _distinct([*kept, *(folder.uri for folder in event.added)])


def _distinct(uris: Iterable[str]) -> list[str]:
    distinct: dict[str, str] = {}
    for uri in uris:
        distinct.setdefault(one_spelling(uri), uri)
    return list(distinct.values())


def scope_of(options: Options, folders: Sequence[str] | None) -> ResolvedScope:
    """Resolve `options` for a client with these workspace folders.

    Args:
        options: the client's options.
        folders: URIs or absolute paths; None if the client sent none: then the working directory.

    Returns:
        The scope, and the values that can't be used.
    """
    problems: list[tuple[str, str]] = []
    working = working_folder() if folders is None else None
    roots = list(_folders(folders or (), problems)) if working is None else [working]
    if options.paths is not None:
        roots = list(_paths(options.paths, roots[0] if roots else None, problems))
    elif not roots:
        deleted = "the client sent no folder, and the service's working directory was deleted"
        unusable = "no workspace folder is a folder on this machine"
        problems.append(("workspaceFolders", f"{deleted if folders is None else unusable}: nothing is watched"))
    scope = Scope(
        roots,
        include=_patterns(options.include, "include", problems),
        exclude=_patterns(options.exclude, "exclude", problems),
        use_gitignore=options.use_gitignore,
    )
    return ResolvedScope(scope, tuple(problems))


def _folders(given: Iterable[str], problems: list[tuple[str, str]]) -> Iterable[str]:
    for text in given:
        try:
            yield encodable(text) if os.path.isabs(text) else from_uri(text)
        except ValueError as error:
            problems.append(("workspaceFolders", f"workspaceFolders can't hold {show(text)}: it {error}"))


def _paths(given: Iterable[str], base: str | None, problems: list[tuple[str, str]]) -> Iterable[str]:
    for text in given:
        try:
            if "://" in text or text.startswith("file:"):
                yield from_uri(text)
            elif base is not None or os.path.isabs(text):
                yield os.path.join(base or "", encodable(text))
            else:
                raise ValueError("is relative, and no workspace folder can be used")
        except ValueError as error:
            problems.append(("paths", f"paths can't hold {show(text)}: it {error}"))


def encodable(text: str) -> str:
    """Return `text` if it can be a file name.

    Raises:
        ValueError: it holds a lone surrogate, as a JSON escape may.
    """
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ValueError("must be Unicode text, without lone surrogates") from None
    return text


def _patterns(lines: Iterable[str], field: str, problems: list[tuple[str, str]]) -> list[str]:
    good: list[str] = []
    for line in lines:
        reason = check_pattern(line)
        if reason is None:
            good.append(line)
        else:
            problem = f"{field} can't hold {line!r:.200}: not a gitignore pattern ({reason})"
            problems.append((f"{field} pattern" if len(line) > LONGEST_PATTERN else field, problem))
    return good
