"""Which paths a client means: its workspace folders, and the paths in its options."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lsprotocol import types

from reloadls.protocol import Options, from_uri
from reloadls.watch.discovery import working_folder
from reloadls.watch.patterns import check_pattern
from reloadls.watch.scope import Scope
from reloadls.watch.wildcards import LONGEST_PATTERN

__all__ = ["Meant", "changed_folders", "folders_of", "scope_of"]


@dataclass(frozen=True, slots=True)
class Meant:
    """What a client's options come to.

    Attributes:
        scope: what is watched.
        problems: (field, what is wrong) of each value that can't be used.
    """

    scope: Scope
    problems: tuple[tuple[str, str], ...]


def folders_of(params: types.InitializeParams) -> list[str]:
    """The workspace folders' URIs, or, of an older client, its root's."""
    if params.workspace_folders:
        return [folder.uri for folder in params.workspace_folders]
    if params.root_uri:
        return [params.root_uri]
    return [params.root_path] if params.root_path else []


def changed_folders(folders: Sequence[str], event: types.WorkspaceFoldersChangeEvent) -> list[str]:
    """`folders` after `event`, those that stay in their order."""
    removed = {folder.uri for folder in event.removed}
    kept = [folder for folder in folders if folder not in removed]
    return list(dict.fromkeys([*kept, *(folder.uri for folder in event.added)]))


def scope_of(options: Options, folders: Sequence[str]) -> Meant:
    """The scope that `options` describe for a client with these workspace folders (URIs, or absolute paths)."""
    problems: list[tuple[str, str]] = []
    here = working_folder()
    roots = list(_paths(folders, here, "workspaceFolders", problems))
    base = roots[0] if roots else here
    if not roots and options.paths is None:
        roots = list(_paths(["."], here, "workspaceFolders", problems))
    if options.paths is not None:
        roots = list(_paths(options.paths, base, "paths", problems))
    scope = Scope(
        roots,
        include=_patterns(options.include, "include", problems),
        exclude=_patterns(options.exclude, "exclude", problems),
        use_gitignore=options.use_gitignore,
    )
    return Meant(scope, tuple(problems))


def _paths(given: Iterable[str], base: str | None, field: str, problems: list[tuple[str, str]]) -> Iterable[str]:
    for text in given:
        try:
            path = from_uri(text) if "://" in text or text.startswith("file:") else os.path.join(base or "", text)
        except ValueError as error:
            problems.append((field, f"{field} can't hold {text!r}: it {error}"))
            continue
        if os.path.isabs(path):
            yield path
        else:
            reason = "it is relative, and the service's working directory was deleted; it must be absolute"
            problems.append((field, f"{field} can't hold {text!r}: {reason}"))


def _patterns(lines: Iterable[str], field: str, problems: list[tuple[str, str]]) -> list[str]:
    good: list[str] = []
    for line in lines:
        reason = check_pattern(line)
        if reason is None:
            good.append(line)
        else:
            problem = f"{field} can't hold {line!r:.200}: it is no gitignore pattern ({reason})"
            problems.append((f"{field} pattern" if len(line) > LONGEST_PATTERN else field, problem))
    return good
