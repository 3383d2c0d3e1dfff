"""Compare folders with the disk, and update the snapshot.

A scan collects the differences of one reconcile; a dry scan only compares.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field

from reloadls.base.paths import prefix_of
from reloadls.watch.disk.guarded import DirEntry, GuardedDisk, TimedOut
from reloadls.watch.disk.links import Links, link_chain
from reloadls.watch.disk.spelling import Spellings
from reloadls.watch.scope.scope import GITIGNORE, Rules, Scope
from reloadls.watch.snapshot.denials import Denial, denial_of
from reloadls.watch.snapshot.differences import Differences
from reloadls.watch.snapshot.digests import Digests
from reloadls.watch.snapshot.files import Files
from reloadls.watch.snapshot.folder import LINK, RACY, Entry, Folder, differs, entry_of, is_touched
from reloadls.watch.snapshot.git_files import GitFiles, IgnoreFile, OutsideRules
from reloadls.watch.snapshot.listener import FolderListener
from reloadls.watch.version_control import MARKS, Repositories

__all__ = ["GONE", "Scan"]

GONE = (FileNotFoundError, NotADirectoryError)
"""Exceptions for a missing path."""


@dataclass(slots=True)
class _Task:
    """A folder to compare."""

    path: str
    folder: Folder
    outer: Rules
    """The rules for its entries before its own .gitignore."""
    quiet: bool
    """Whether new files in it entered the scope rather than being created."""
    inner: bool = True
    """Whether it is inside a root. If it is a root, `outer` includes git's files outside of it."""
    by_stamps: bool = True
    """Whether stamps alone show what was written: no event arrives, or has arrived, for each file."""


@dataclass(slots=True)
class _Listing:
    """A folder as it is on disk now."""

    rules: Rules
    gitignore: IgnoreFile | None = None
    files: dict[str, Entry] = field(default_factory=dict)
    folders: dict[str, Folder] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    below: list[_Task] = field(default_factory=list)


@dataclass(slots=True)
class Scan:
    """One running reconcile.

    Attributes:
        links: the snapshot's links, updated by the scan.
        rule_files: .gitignore file → the files outside its folder's tree with rules for it.
        git_files: the snapshot's, updated by the scan.
        denied: path → why it could not be read. The last known state of such a path stays.
        use_gitignore: whether .gitignore files are read.
        listener: notified of all folders.
        repositories: the snapshot's, updated by the scan.
        disk: access to the disk.
        digests: the snapshot's, updated by the scan.
        everything: whether events may have been lost, so that stamps alone show what was written.
        dry: only compare; update nothing.
        found: the differences so far.
        new_folders: folders that were not known before.
        seen: number of files read.
        added: change of the number of known files.
        unpacked: folders whose files are unpacked until the end.
        other_rules: folders whose rules have changed.
        rescoped: whether a path entered or left the scope without having changed.
        other_names: (device, inode) of files with hard links that were not watched before → names that are now.
        spellings: which names really exist, where a file system treats other spellings as the same.
    """

    links: Links
    rule_files: Links
    git_files: GitFiles
    denied: dict[str, Denial]
    use_gitignore: bool
    listener: FolderListener
    repositories: Repositories
    disk: GuardedDisk
    digests: Digests
    everything: bool = False
    dry: bool = False
    found: Differences = field(default_factory=Differences)
    new_folders: list[str] = field(default_factory=list)
    seen: int = 0
    added: int = 0
    unpacked: list[Folder] = field(default_factory=list)
    other_rules: set[str] = field(default_factory=set)
    rescoped: bool = False
    other_names: dict[tuple[int, int], set[str]] = field(default_factory=dict)
    spellings: Spellings = field(init=False)

    def __post_init__(self) -> None:
        self.spellings = Spellings(self.disk)

    def tree(self, path: str, folder: Folder, outer: Rules, *, quiet: bool = False, inner: bool = True) -> None:
        """Compare `folder` and everything below it with the disk.

        Args:
            path: where it is.
            folder: its known state, updated unless the scan is dry.
            outer: the rules for its entries before its own .gitignore.
            quiet: whether new files in it entered the scope rather than being created.
            inner: whether it is inside a root rather than a root.
        """
        stack = [_Task(path, folder, outer, quiet, inner)]
        while stack:
            task = stack.pop()
            watch = task.folder.watch
            if not self.dry:
                self.listener.enter(task.path, task.folder)
            task.by_stamps = self.everything or watch is None or task.folder.watch is not watch
            try:
                entries = self.disk.list(task.path)
            except GONE:
                self.drop(task.path, task.folder)
            except OSError as error:
                self.deny(task.path, error)
            else:
                self.denied.pop(task.path, None)
                stack.extend(self._compare(task, entries))

    def entry(self, path: str, status: os.stat_result) -> Entry | None:
        """Return the entry of a file or a link to one, else None. Notes where a link leads.

        Args:
            path: where it is.
            status: its own status, links not followed.

        Raises:
            OSError: the target of a link can't be read.
        """
        if stat.S_ISREG(status.st_mode):
            return entry_of(self.shared(path, status))
        if not stat.S_ISLNK(status.st_mode):
            return None
        if not self.dry:
            self.links.put(path, link_chain(path, self.disk.readlink))
        try:
            target = self.disk.stat(path)
        except (*GONE, ValueError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                return None
            raise
        return entry_of(self.shared(path, target), LINK) if stat.S_ISREG(target.st_mode) else None

    def shared(self, path: str, status: os.stat_result) -> os.stat_result:
        """Return the status of a file. If it has hard links, watch the file itself and read the status again."""
        if status.st_nlink < 2 or self.dry or not self.listener.enter_file(path):
            return status
        self.other_names.setdefault((status.st_dev, status.st_ino), set()).add(path)
        return self.disk.stat(path)

    def drop(self, path: str, folder: Folder, *, gone: bool = True) -> None:
        """Remove everything known of `folder`, which was deleted or, if not `gone`, left the scope."""
        for at, sub in folder.walk(path):
            if gone:
                for name, entry in sub.files.items():
                    self.found.deleted(os.path.join(at, name), entry)
            self.denied.pop(at, None)
            if not self.dry:
                self.added -= len(sub.files)
                self.listener.leave(at, sub)
                self.digests.forget_all(sub)
                self.repositories.note(at, _NO_NAMES)
                self._drop_rules(at)
                for name in sub.links:
                    self.links.drop(os.path.join(at, name))
        if not self.dry:
            folder.files, folder.folders, folder.links = Files(), {}, _NO_NAMES

    def deny(self, path: str, error: Exception) -> None:
        """Note that `path` can't be read. If its file system does not answer, note that for all of it."""
        if isinstance(error, TimedOut) and path.startswith(prefix_of(error.filename)):
            path = error.filename
        self.denied[path] = denial_of(error)

    def allow(self, path: str) -> None:
        """Note that `path` can be read."""
        self.denied.pop(path, None)

    def outside_rules(self, root: str, scope: Scope) -> Rules:
        """Return the rules for the entries of the root folder `root`, before its own .gitignore.

        Raises:
            TimedOut: a file system does not answer.
        """
        if not self.use_gitignore:
            return scope.rules_at(root)
        outside = self.git_files.outside_rules(root, self)
        if not self.dry:
            self.rule_files.put(os.path.join(root, GITIGNORE), outside.files)
        return scope.rules_at(root, outside.nearest).with_gitignores((), outside.last)

    def has_other_rules(self, path: str, folder: Folder, outer: Rules, *, inner: bool) -> bool:
        """Return whether the rules for the entries of `folder`, at `path`, have changed since it was last compared."""
        names = {name for name in (GITIGNORE, _GIT) if self.disk.lexists(os.path.join(path, name))}
        return self._rules_inside(_Task(path, folder, outer, quiet=True, inner=inner), names)[0] is not folder.rules

    # -- one folder --------------------------------------------------------------------------------------

    def _compare(self, task: _Task, entries: Sequence[DirEntry]) -> list[_Task]:
        """Compare one folder's own entries; return its folders, to be compared next."""
        known = task.folder
        names = {item.name for item in entries}
        rules, gitignore = self._rules_inside(task, names)
        before = known.rules if known.rules is not None and known.rules != rules else None
        if before is not None:
            self.other_rules.add(task.path)
        listing = _Listing(rules, gitignore)
        for item in entries:
            try:
                self._list(item, task, before, listing)
            except GONE:
                continue
            except OSError as error:
                self.deny(item.path, error)
                if item.name in known.files:
                    listing.files[item.name] = known.files[item.name]
        self.seen += len(listing.files)
        self._report_files(task, before, listing)
        self._report_folders(task, before, listing)
        if self.dry:
            known.files.pack()
        else:
            self._take_over(task, before, listing)
            self.repositories.note(task.path, MARKS & names)
        return listing.below

    def _list(self, item: DirEntry, task: _Task, before: Rules | None, listing: _Listing) -> None:
        """Add one entry of the folder to `listing`, if it counts."""
        name, rules = item.name, listing.rules
        if not item.is_dir(follow_symlinks=False):
            if rules.takes_entry(item):
                status = item.stat(follow_symlinks=False)
                if status.st_nlink == 1 and stat.S_ISREG(status.st_mode):  # the most frequent case
                    listing.files[name] = entry_of(status)
                    return
                entry = self.entry(item.path, status)
                if entry is not None:
                    listing.files[name] = entry
                if item.is_symlink():
                    listing.links.add(name)
        elif rules.enters(path := item.path, name):
            folder = task.folder.folders.get(name)
            quiet = task.quiet
            if folder is None:
                folder = Folder()
                quiet = quiet or (before is not None and not before.enters(path, name))
                if task.folder.rules is not None:
                    self.new_folders.append(path)
            listing.folders[name] = folder
            listing.below.append(_Task(path, folder, rules.inside(path, name), quiet))

    def _report_files(self, task: _Task, before: Rules | None, listing: _Listing) -> None:
        known, files = task.folder.files.unpack(), listing.files
        for name, entry in files.items():
            last = known.get(name)
            if last is None:
                if task.quiet:
                    continue
                path = os.path.join(task.path, name)
                if before is None or before.takes(path, name):
                    self.found.created(path, entry)
            elif last == entry and not (task.by_stamps and last[3] & RACY):
                files[name] = last
            elif differs(last, entry):
                self.found.modified(os.path.join(task.path, name), entry)
            else:
                files[name] = self._settled(task, name, last, entry)
        for name, old in known.items():
            if name not in files:  # build a path only if needed: most files have not changed
                path = os.path.join(task.path, name)
                if before is None or listing.rules.takes(path, name):
                    self.found.deleted(path, old)

    def _settled(self, task: _Task, name: str, last: Entry, entry: Entry) -> Entry:
        """Return the new entry of a file whose ctime alone has changed, or which was racy."""
        touched = is_touched(last, entry)
        if not task.by_stamps or not (touched or last[3] & RACY):
            return last  # it stays racy if it was; an event is still to arrive for a write
        path = os.path.join(task.path, name)
        if self.digests.changed(path, task.folder, name, entry, otherwise=touched):
            self.found.modified(path, entry)
        elif task.folder.digests is None or name not in task.folder.digests:
            return last
        elif self.dry:
            task.folder.files[name] = entry
        return entry

    def _report_folders(self, task: _Task, before: Rules | None, listing: _Listing) -> None:
        for name, folder in task.folder.folders.items():
            if name not in listing.folders:
                path = os.path.join(task.path, name)
                self.drop(path, folder, gone=before is None or listing.rules.enters(path, name))

    def _take_over(self, task: _Task, before: Rules | None, listing: _Listing) -> None:
        known = task.folder
        for name in known.links - listing.links:
            self.links.drop(os.path.join(task.path, name))
        self.rescoped = self.rescoped or before is not None
        self._take_digests(task, listing.files)
        self.added += len(listing.files) - len(known.files)
        known.files, known.folders = Files(listing.files), listing.folders
        known.links = frozenset(listing.links) if listing.links else _NO_NAMES
        known.rules, known.gitignore = listing.rules, listing.gitignore

    def _take_digests(self, task: _Task, files: dict[str, Entry]) -> None:
        known = task.folder
        if known.watch is not None:
            self.digests.forget_all(known)
            return
        for name in list(known.digests or ()):
            if name not in files:
                self.digests.forget(known, name)
        for name, entry in files.items():
            if known.files.get(name) is not entry:
                self.digests.note(os.path.join(task.path, name), known, name, entry)

    def _rules_inside(self, task: _Task, names: set[str]) -> tuple[Rules, IgnoreFile | None]:
        """Return the rules for the folder's entries, and its .gitignore."""
        known, rules = task.folder, task.outer
        path = os.path.join(task.path, GITIGNORE)
        gitignore = None
        if self.use_gitignore:
            if task.inner and (_GIT in names or path in self.rule_files):
                rules = self._rules_of_repository(task.path, path, rules, is_one=_GIT in names)
            if GITIGNORE in names:
                gitignore = self.git_files.gitignore(path, known.gitignore, self)
        if gitignore is not None:
            rules = rules.with_gitignore(task.path, gitignore[1])
        elif known.gitignore is not None:
            self._forget_gitignore(path)
        return (known.rules if known.rules == rules and known.rules is not None else rules), gitignore

    def _rules_of_repository(self, top: str, gitignore: str, outer: Rules, *, is_one: bool) -> Rules:
        """Return `outer` with the rules of a repository inside the root for its own working tree."""
        outside = self.git_files.of_repository(top, self) if is_one else OutsideRules()
        if not self.dry:
            self.rule_files.put(gitignore, outside.files)
        return outer.with_gitignores(outside.nearest, outside.last)

    def _drop_rules(self, path: str) -> None:
        """Forget the rules of other files for the folder at `path`."""
        gitignore = os.path.join(path, GITIGNORE)
        self.rule_files.drop(gitignore)
        self._forget_gitignore(gitignore)

    def _forget_gitignore(self, path: str) -> None:
        if not self.dry:
            self.git_files.forget(path)


_NO_NAMES: frozenset[str] = frozenset()
_GIT = ".git"
