"""The last reported state, compared with the disk.

Every event, scan, refresh and recovery is one call: `Snapshot.reconcile`. A hint says where to look, never what
happened. So lost, duplicate, late or reordered hints need no special case.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path

from reloadls.base.paths import ancestors, outermost, prefix_of
from reloadls.watch.change import FileChange
from reloadls.watch.disk.guarded import GuardedDisk, TimedOut
from reloadls.watch.disk.links import Links, link_chain
from reloadls.watch.disk.spelling import folded
from reloadls.watch.scope.scope import GITIGNORE, Rules, Scope
from reloadls.watch.snapshot.denials import Denial
from reloadls.watch.snapshot.digests import Digests
from reloadls.watch.snapshot.files import Files, FilesByFolder
from reloadls.watch.snapshot.folder import LINK, RACY, TOUCHED, Entry, Folder, differs, entry_of, is_touched
from reloadls.watch.snapshot.git_files import GitFiles
from reloadls.watch.snapshot.listener import NO_LISTENER, FolderListener
from reloadls.watch.snapshot.problems import Problem, RootStatus, missing_problems, root_status
from reloadls.watch.snapshot.relevance import is_relevant
from reloadls.watch.snapshot.renames import RenameTracker
from reloadls.watch.snapshot.roots import Root, RootIndex, RootState, WatchSet, watch_set
from reloadls.watch.snapshot.scan import GONE, Scan
from reloadls.watch.version_control import MARKS, Repositories

__all__ = ["Snapshot"]


class Snapshot:
    """Path → what identifies a file (`Entry`), as last reported.

    Not safe for two threads at once, except `is_relevant`, which only reads.

    Args:
        scope: which paths count. Nothing is read before `begin`.
        listener: notified of all folders.
        disk: access to the disk.
    """

    def __init__(self, scope: Scope, listener: FolderListener = NO_LISTENER, disk: GuardedDisk | None = None) -> None:
        self.scope = scope
        self._listener = listener
        self._disk = disk or GuardedDisk()
        self.roots: list[Root] = [Root(path) for path in scope.roots]
        self._index = RootIndex(self.roots)
        self.denied: dict[str, Denial] = {}
        """Unreadable paths → why. Their last known state stays."""
        self._links = Links()
        self._rule_files = Links()
        """A folder's .gitignore → the files outside of its tree with rules for it."""
        self._git_files = GitFiles(self._disk)
        self._repositories = Repositories()
        self._digests = Digests(self._disk)
        self._metadata: frozenset[str] = frozenset()
        """Hinted paths whose metadata alone was changed, according to the source."""
        self._entries: dict[str, Entry | None] = {}
        self._roots_known: tuple[WatchSet, tuple[RootStatus, ...], tuple[Problem, ...]] | None = None
        """Data derived from the roots, valid until one of them changes."""
        self._watch_known: tuple[object, WatchSet] | None = None
        """The last watch set, and what it was derived from."""
        self._swept: set[str] = set()
        """Folders that the running reconcile has compared whole, after all its hints were given."""
        self._scan = self._new_scan()

    def begin(self, known: Mapping[str, Entry] | None = None) -> list[FileChange]:
        """Read the disk.

        Args:
            known: entries that an earlier snapshot of this scope reported: path → entry.

        Returns:
            How the disk differs from `known`; nothing without it.
        """
        if known is not None:
            by_folder = known if isinstance(known, FilesByFolder) else FilesByFolder(known.items())
            for at, files in by_folder.folders():
                self._recall(at, files)
        self._roots_known = None
        self._begin_look(everything=True)
        self._look_in_ancestors(self.roots, anew=True)
        for root in self.roots:
            self._look_at_root(root, self._scan, quiet=known is None)
        self._scan.new_folders.clear()
        return self._take()

    def _recall(self, at: str, files: Mapping[str, Entry]) -> None:
        """Set the last reported `files` of the folder `at`."""
        # A write within the same tick, after the report, left no other trace.
        entries = {name: (-1, *entry[1:]) if entry[3] & RACY else entry for name, entry in files.items()}
        for root in self._index.related(at):
            parent, name = os.path.split(root.path)
            if parent == at and name in entries:
                root.entry, root.kind = entries[name], "file"
            elif at == root.path or at.startswith(prefix_of(root.path)):
                folder = root.folder = root.folder or Folder()
                for parent in at[len(prefix_of(root.path)) :].split(os.sep) if at != root.path else ():
                    folder = folder.folders.setdefault(parent, Folder())
                folder.files = Files(entries.copy())
                root.below += len(entries)

    def entries(self) -> dict[str, Entry]:
        """Return every known file and its entry."""
        found: dict[str, Entry] = {}
        for root in self.roots:
            found.update(root.entries())
        return found

    def rules_digest(self) -> str:
        """Return a text that changes whenever a .gitignore file does."""
        digest = hashlib.sha256()
        for root in self.roots:
            digest.update(repr(self._lines_above(root)).encode("utf-8", "surrogateescape"))
            for path, folder in root.folder.walk(root.path) if root.folder is not None else ():
                if folder.rules is not None and (folder.gitignore is not None or self._is_repository(path)):
                    digest.update(repr((path, folder.rules.gitignore_lines)).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def _is_repository(self, path: str) -> bool:
        return os.path.join(path, GITIGNORE) in self._rule_files

    def _lines_above(self, root: Root) -> object:
        try:
            return self._new_scan(dry=True).outside_rules(root.path, self.scope).gitignore_lines
        except TimedOut:
            return None

    @property
    def scanned(self) -> int:
        """The number of files that the running comparison has read. Safe from any thread."""
        return self._scan.seen

    def files(self) -> Iterator[str]:
        """Iterate over every known file, each once."""
        paths = (path for root in self.roots for path in root.files())
        return iter(paths if len(self.roots) == 1 else dict.fromkeys(paths))

    def status(self) -> tuple[tuple[RootStatus, ...], tuple[Problem, ...]]:
        """Return each root's status, and the problems of missing roots and ignored rules."""
        _, roots, missing = self._of_roots()
        return roots, (*missing, *self._git_files.problems)

    def watch_set(self) -> WatchSet:
        """Return what must be watched so that every change of the scope gives a hint."""
        of_roots = self._of_roots()[0]
        if not self._links and not self._rule_files:
            return of_roots
        follows_from = of_roots, self._links.changes, self._rule_files.changes
        if self._watch_known is None or self._watch_known[0] != follows_from:
            targets = self._links.targets() | self._rule_files.targets()
            self._watch_known = follows_from, watch_set(self.roots, targets, self._disk.is_dir, self._links)
        return self._watch_known[1]

    def _of_roots(self) -> tuple[WatchSet, tuple[RootStatus, ...], tuple[Problem, ...]]:
        """Return data derived from the roots alone, computed again only after one of them has changed."""
        if self._roots_known is None:
            status = tuple(root_status(root, root.count()) for root in self.roots)
            missing = tuple(missing_problems(self.roots))
            self._roots_known = watch_set(self.roots, (), self._disk.is_dir), status, missing
        return self._roots_known

    def is_relevant(self, path: str, is_folder: bool | None = None) -> bool:
        """Return whether a hint for `path` could lead to a change. Safe from any thread.

        Args:
            path: what the hint names.
            is_folder: whether it is a folder; None accesses the disk.
        """
        return self._links.lead_to(path) or self._rule_files.lead_to(path) or is_relevant(self._index, path, is_folder)

    @property
    def repositories(self) -> frozenset[str]:
        """The ``.git``, ``.hg`` or ``.jj`` of each repository that contains a root or is below one."""
        return self._repositories.marks

    def take_new_folders(self) -> list[str]:
        """Return the folders that appeared since the last call."""
        new, self._scan.new_folders = self._scan.new_folders, []
        return new

    def take_entries(self) -> dict[str, Entry | None]:
        """Return the current entry of each path that changed since the last call, None if deleted."""
        entries, self._entries = self._entries, {}
        return entries

    def take_rescoped(self) -> bool:
        """Return whether unchanged paths entered or left the scope since the last call."""
        rescoped, self._scan.rescoped = self._scan.rescoped, False
        return rescoped

    # -- comparing ---------------------------------------------------------------------------------------

    def adopt(self, scope: Scope) -> list[FileChange]:
        """Switch to `scope`, and reconcile all of it.

        Paths that enter or leave with it are not changes. Differences on disk among the paths that count both before
        and after are returned.
        """
        self._roots_known = None
        kept = {root.path: root for root in self.roots}
        self._scan.rescoped = self._scan.rescoped or scope != self.scope
        for path in kept.keys() - set(scope.roots):
            self._forget(kept[path])
        self.scope = scope
        self._scan.use_gitignore = scope.use_gitignore
        self._begin_look(everything=True)
        self.roots = [kept.get(path) or Root(path) for path in scope.roots]
        self._index = RootIndex(self.roots)
        self.denied.clear()
        self._look_in_ancestors(self.roots, anew=True)
        for root in self.roots:
            self._look_at_root(root, self._scan, quiet=root.path not in kept)
        return self._take()

    def reconcile(
        self,
        hints: Iterable[str] | None = None,
        moves: Iterable[tuple[str, str]] = (),
        tracker: RenameTracker | None = None,
        metadata: frozenset[str] = frozenset(),
    ) -> list[FileChange]:
        """Compare with the disk, update the snapshot, and return the differences.

        Args:
            hints: paths that may have changed, absolute. A folder means everything below it. None means everything.
            moves: (from, to) of renames that the source reported, in order.
            tracker: earlier comparisons of the same batch, to recognise renames across them.
            metadata: those of `hints` whose metadata alone was changed, according to the source.

        Returns:
            One change per path, in the order in which they were noticed. A path that an earlier comparison reported as
                created is repeated if it is now known to be a renamed file; `net_changes` merges them.
        """
        tracker = tracker or RenameTracker()
        tracker.note_moves(moves)
        self._begin_look(everything=hints is None)
        if hints is None:
            self._metadata = metadata
            self.denied.clear()
            self._look_in_ancestors(self.roots, anew=True)
            for root in self.roots:
                self._look_at_root(root, self._scan)
        else:
            paths = dict.fromkeys(hints)
            self._metadata = self._with_links(metadata, paths.keys() - metadata)
            for denied in [at for at in self.denied if at in paths or any(up in paths for up in ancestors(at))]:
                del self.denied[denied]  # retried now
            for path in paths:
                self._look_at_hint(path)
            others = self._other_names(paths.keys() - metadata)
            self._metadata |= {path for path, written in others.items() if not written}
            for path in others:
                self._look_at_hint(path)
        return self._take(tracker)

    def _with_links(self, metadata: frozenset[str], written: Set[str]) -> frozenset[str]:
        """Return `metadata` extended by links that lead to such paths only."""
        behind = {link for path in metadata for link in self._links.depend_on(path)}
        if not behind:
            return metadata
        return metadata | (behind - written).difference(*(self._links.depend_on(path) for path in written))

    def _other_names(self, written: Set[str]) -> dict[str, bool]:
        """Return the other names of files whose hard links were just found → whether one is among the `written`.

        A file that was only given a new name (``cp -al``) has another ctime, but the same content.
        """
        found = self._scan.other_names
        if not found:
            return {}
        return {
            path: not names.isdisjoint(written)
            for root in self.roots
            for path, entry in root.entries()
            if (names := found.get((entry[5], entry[2]))) is not None and path not in names
        }

    def differences(self, only: Iterable[str] | None = None) -> dict[str, Entry | None]:
        """Return what a whole reconcile would find, without applying it: path → current entry, None if deleted.

        Args:
            only: compare just these folders, with everything below them.
        """
        scan = self._new_scan(dry=True)
        self._refresh_disk()
        self._git_files.refresh()
        if only is not None:
            for path in only:
                self._compare_folder(path, scan)
            return self._found_by(scan)
        for root in self.roots:
            self._look_at_root(root, scan)
        found = self._found_by(scan)
        found.update(dict.fromkeys(scan.denied.keys() ^ self.denied.keys()))  # newly unreadable, or readable again
        return found

    @staticmethod
    def _found_by(scan: Scan) -> dict[str, Entry | None]:
        """Return what a dry scan has found. Changed rules for a folder are found at its .gitignore."""
        found = scan.found.entries()
        found.update(dict.fromkeys(os.path.join(folder, GITIGNORE) for folder in outermost(scan.other_rules)))
        return found

    def _begin_look(self, *, everything: bool) -> None:
        self._swept.clear()
        self._refresh_disk()
        self._git_files.refresh()
        self._scan.everything = everything
        if everything:
            self._watch_known = None

    def _compare_folder(self, path: str, scan: Scan) -> None:
        for root in self._index.related(path):
            if root.path == path or root.path.startswith(prefix_of(path)):
                self._look_at_root(root, scan)
            else:
                known = self._find(root, path)
                if known is not None:
                    scan.tree(path, *known)

    @staticmethod
    def _find(root: Root, path: str) -> tuple[Folder, Rules] | None:
        """Return the known folder at `path`, and the rules before its own .gitignore; None if unknown."""
        folder, at = root.folder, root.path
        for name in path[len(prefix_of(at)) :].split(os.sep):
            if folder is None or folder.rules is None:
                return None
            at = os.path.join(at, name)
            outer, folder = folder.rules.inside(at, name), folder.folders.get(name)
        return None if folder is None else (folder, outer)

    def _new_scan(self, *, dry: bool = False) -> Scan:
        denied = {} if dry else self.denied
        return Scan(
            self._links,
            self._rule_files,
            self._git_files,
            denied,
            self.scope.use_gitignore,
            self._listener,
            self._repositories,
            self._disk,
            self._digests,
            dry=dry,
        )

    def _take(self, tracker: RenameTracker | None = None) -> list[FileChange]:
        """Return what was found, including by an earlier call that failed half-way."""
        tracker = tracker or RenameTracker()
        done, self._scan = self._scan, self._new_scan()
        for folder in done.unpacked:
            folder.files.pack()
        self._entries.update(done.found.entries())
        self._scan.new_folders, self._scan.rescoped = done.new_folders, done.rescoped
        renamed = tracker.add(done.found)
        changes = done.found.changes(renamed)
        known = done.found.entries() if renamed else {}
        changes += [FileChange(Path(new), "created", Path(old)) for new, old in renamed.items() if new not in known]
        return changes

    def _refresh_disk(self) -> None:
        if self._disk.refresh():
            for root in self.roots:
                with contextlib.suppress(TimedOut):
                    self._disk.enter_root(root.path)

    # -- one hint ----------------------------------------------------------------------------------------

    def _look_at_hint(self, path: str) -> None:
        dependents = self._links.depend_on(path)
        gitignores = self._rule_files.depend_on(path)
        if dependents or gitignores:
            self._watch_known = None
        for gitignore in gitignores:
            self._look_at_rules(os.path.dirname(gitignore))
        for look_at in (path, *dependents):
            for root in self._index.related(look_at):
                if look_at == root.path or root.path.startswith(prefix_of(look_at)):
                    self._look_at_root(root, self._scan, hinted=True)
                else:
                    with self._looking(root, self._scan):
                        self._look_below(root, look_at)

    def _look_below(self, root: Root, path: str) -> None:
        """Compare `path`, or the first unknown folder on the way to it."""
        if root.folder is None or root.folder.rules is None:
            self._look_at_root(root, self._scan)
            return
        folder, at = root.folder, root.path
        *parents, last = path[len(prefix_of(root.path)) :].split(os.sep)
        outer = self._outer_rules(root) if last == GITIGNORE else root.folder.rules
        for name in parents:
            sub = folder.folders.get(name)
            if sub is None or sub.rules is None or folder.rules is None:
                self._look_at_entry(at, folder, name)
                return
            at = os.path.join(at, name)
            outer = folder.rules.inside(at, name)
            folder = sub
        self._look_at_entry(at, folder, last)
        if last == GITIGNORE and self.scope.use_gitignore:
            self._scan.tree(at, folder, outer, inner=folder is not root.folder)
        elif last in MARKS:
            self._look_at_rules(at)

    def _look_at_rules(self, path: str) -> None:
        """Compare the folder `path` if its rules have changed."""
        for root in self._index.related(path):
            known = self._find_rules(root, path)
            if known is not None and self._scan.has_other_rules(path, *known, inner=path != root.path):
                with self._looking(root, self._scan):
                    self._scan.tree(path, *known, inner=path != root.path)

    def _find_rules(self, root: Root, path: str) -> tuple[Folder, Rules] | None:
        if root.path != path:
            return self._find(root, path) if path.startswith(prefix_of(root.path)) else None
        return None if root.folder is None else (root.folder, self._outer_rules(root))

    def _is_swept(self, path: str) -> bool:
        return any(parent in self._swept for parent in (path, *ancestors(path)))

    def _outer_rules(self, root: Root) -> Rules:
        try:
            return self._scan.outside_rules(root.path, self.scope)
        except TimedOut as error:
            self._scan.deny(root.path, error)
            assert root.folder is not None
            assert root.folder.rules is not None
            return root.folder.rules

    def _look_at_entry(self, at: str, folder: Folder, name: str) -> None:
        path, rules = os.path.join(at, name), folder.rules
        if name in MARKS:
            self._repositories.look_at([at], self._disk.lexists)
        if rules is None:
            return
        if folder.files.is_packed:
            folder.files.unpack()
            self._scan.unpacked.append(folder)
        try:
            status = self._disk.lstat(path)
            listed = name if folder.has(name) else self._listed(at, folder, name, status)
        except GONE:
            self._lose(path, folder, name)
        except (OSError, ValueError) as error:
            self._scan.deny(path, error)
        else:
            if listed != name:
                self._lose(path, folder, name)
                if listed is not None:
                    self._look_at_entry(at, folder, listed)
            elif not stat.S_ISDIR(status.st_mode):
                try:
                    self._look_at_file(path, folder, name, status)
                except OSError as error:
                    self._scan.deny(path, error)
            else:
                self._look_at_folder(path, folder, name, rules)

    def _look_at_folder(self, path: str, folder: Folder, name: str, rules: Rules) -> None:
        if not rules.enters(path, name):
            self._lose(path, folder, name)
        elif not self._is_swept(path):
            if name not in folder.folders:
                self._lose(path, folder, name)
                folder.folders[name] = Folder()
                self._scan.new_folders.append(path)
            self._scan.tree(path, folder.folders[name], rules.inside(path, name))
            self._swept.add(path)

    def _listed(self, at: str, folder: Folder, name: str, status: os.stat_result) -> str | None:
        """Return the name under which `folder` lists the file found as `name`; remove names that it no longer lists."""
        names = self._scan.spellings.names(at, name, status)
        if names is None or name in names:
            listed: str | None = name
        else:
            listed = next((other for other in sorted(names) if folded(other) == folded(name)), None)
        if names is not None:
            for known in [known for known in folder.names() if known not in names]:
                self._lose(os.path.join(at, known), folder, known)
        return listed

    def _look_at_file(self, path: str, folder: Folder, name: str, status: os.stat_result) -> None:
        takes = folder.rules is not None and folder.rules.takes(path, name)
        is_link = stat.S_ISLNK(status.st_mode)
        if name in folder.folders or (name in folder.links and not is_link):
            self._lose(path, folder, name, keep_file=name not in folder.folders)
        entry = self._scan.entry(path, status) if takes else None
        if is_link and takes:
            folder.links |= {name}
        before = folder.files.get(name)
        self._scan.added += (entry is not None) - (before is not None)
        if entry is None:
            folder.files.pop(name, None)
            self._digests.forget(folder, name)
            if before is not None:
                self._scan.found.deleted(path, before)
            return
        if before is None:
            self._scan.found.created(path, entry)
        elif self._counts_as_changed(path, folder, name, before, entry):
            self._scan.found.modified(path, entry)
        elif path in self._metadata and is_touched(before, entry):
            entry = _racy(entry)
        folder.files[name] = entry
        if before != entry:
            self._digests.note(path, folder, name, entry)

    def _counts_as_changed(self, path: str, folder: Folder, name: str, old: Entry, new: Entry) -> bool:
        """Return whether `new` in place of `old`, found through a hint, is a change."""
        if path in self._metadata:
            return differs(old, new)
        if differs(old, new) or old[2] != new[2]:
            return True
        touched = is_touched(old, new)
        if not touched and not old[3] & RACY:
            return False
        return self._digests.changed(path, folder, name, new, otherwise=touched or not new[3] & TOUCHED)

    def _lose(self, path: str, folder: Folder, name: str, *, keep_file: bool = False) -> None:
        """Remove `name`, which was deleted or is something else now."""
        if not keep_file and (known := folder.files.pop(name, None)) is not None:
            self._scan.found.deleted(path, known)
            self._scan.added -= 1
        if name in folder.links:
            folder.links -= {name}
            self._links.drop(path)
        sub = folder.folders.pop(name, None)
        if sub is not None:
            self._scan.drop(path, sub)

    # -- a root ------------------------------------------------------------------------------------------

    def _look_in_ancestors(self, roots: Iterable[Root], *, anew: bool = False) -> None:
        """Find the repositories that contain `roots`; if `anew`, forget all repositories first."""
        if anew:
            self._repositories.clear()
        paths = {path for root in roots for path in (root.path, self._resolved(root.path))}
        self._repositories.look_at({parent for path in paths for parent in ancestors(path)}, self._disk.lexists)

    def _resolved(self, path: str) -> str:
        try:
            return self._disk.resolve(path)
        except TimedOut:
            return path

    @contextlib.contextmanager
    def _looking(self, root: Root, scan: Scan) -> Iterator[None]:
        """Update the counters of `root` after a comparison."""
        before, added, scan.added = (root.kind, root.state, root.count()), scan.added, 0
        try:
            yield
        finally:
            root.below += scan.added
            scan.added = added
            if before != (root.kind, root.state, root.count()):
                self._roots_known = None

    def _look_at_root(self, root: Root, scan: Scan, *, quiet: bool = False, hinted: bool = False) -> None:
        with self._looking(root, scan):
            self._compare_root(root, scan, quiet=quiet, hinted=hinted)

    def _compare_root(self, root: Root, scan: Scan, *, quiet: bool, hinted: bool) -> None:
        if hinted:
            self._look_in_ancestors([root])
        try:
            self._disk.enter_root(root.path)
            is_link = stat.S_ISLNK(self._disk.lstat(root.path).st_mode)
            if is_link and not scan.dry:
                self._links.put(root.path, link_chain(root.path, self._disk.readlink))
            status = self._disk.stat(root.path)
            if not stat.S_ISDIR(status.st_mode) and not scan.dry:
                self._note_link_chain(root.path)
            rules = scan.outside_rules(root.path, self.scope) if stat.S_ISDIR(status.st_mode) else None
        except GONE:
            self._lose_root(root, scan)
            return
        except (OSError, ValueError) as error:
            scan.deny(root.path, error)
            if not scan.dry:
                root.state = self._denied_state(root)
            return
        if rules is not None:
            self._look_at_folder_root(root, scan, rules, quiet=quiet)
        else:
            entry = None
            if stat.S_ISREG(status.st_mode) and self.scope.takes_file(root.path):
                if not scan.dry and self._listener.enter_file(root.path):
                    with contextlib.suppress(OSError):
                        status = self._disk.stat(root.path)
                entry = entry_of(status, LINK if is_link else 0)
            self._look_at_file_root(root, scan, entry, quiet=quiet, hinted=hinted)

    def _note_link_chain(self, path: str) -> None:
        """Note the real path of the file root `path`, if one of its ancestors is a link."""
        folder = os.path.dirname(path)
        if self._resolved(folder) != folder:
            self._links.put(path, link_chain(path, self._disk.readlink, whole=True))

    def _look_at_folder_root(self, root: Root, scan: Scan, rules: Rules, *, quiet: bool) -> None:
        folder = root.folder or Folder()
        if root.entry is not None:
            self._lose_root(root, scan)
        if not scan.dry:
            root.folder, root.kind = folder, "directory"
        scan.tree(root.path, folder, rules, quiet=quiet, inner=False)
        if not scan.dry:
            root.state = self._denied_state(root)

    def _denied_state(self, root: Root) -> RootState:
        """Return the state of the existing `root`: whether it, or its file system, can be read."""
        denials = [self.denied[path] for path in (root.path, *ancestors(root.path)) if path in self.denied]
        if any(denial.code == "timedOut" for denial in denials):
            return "timedOut"
        return "denied" if denials else "watching"

    def _look_at_file_root(self, root: Root, scan: Scan, entry: Entry | None, *, quiet: bool, hinted: bool) -> None:
        if root.folder is not None:
            self._lose_root(root, scan)
        before = root.entry
        if before is None and entry is not None:
            if not quiet:
                scan.found.created(root.path, entry)
        elif before is not None and entry is None:
            scan.found.deleted(root.path, before)
        elif before is not None and entry is not None:
            if self._root_changed(root, before, entry, hinted=hinted):
                scan.found.modified(root.path, entry)
            elif hinted and root.path in self._metadata and is_touched(before, entry):
                entry = _racy(entry)
            elif before[3] & RACY and not hinted:
                entry = before
        if not scan.dry:
            root.entry, root.kind, root.state = entry, "file", "watching"
            if entry is not None and entry != before:
                self._digests.note(root.path, root.file_digests, "", entry)

    def _root_changed(self, root: Root, old: Entry, new: Entry, *, hinted: bool) -> bool:
        if hinted:
            return self._counts_as_changed(root.path, root.file_digests, "", old, new)
        touched = is_touched(old, new)
        return differs(old, new) or (
            (touched or old[3] & RACY != 0)
            and self._digests.changed(root.path, root.file_digests, "", new, otherwise=touched)
        )

    def _lose_root(self, root: Root, scan: Scan) -> None:
        if root.entry is not None:
            scan.found.deleted(root.path, root.entry)
        if root.folder is not None:
            scan.drop(root.path, root.folder)
        if not scan.dry:
            root.state, root.folder, root.entry = "missing", None, None

    def _forget(self, root: Root) -> None:
        """Forget `root`, which leaves the scope."""
        self._links.drop(root.path)
        self._rule_files.drop(os.path.join(root.path, GITIGNORE))
        if root.folder is not None:
            self._scan.drop(root.path, root.folder, gone=False)


def _racy(entry: Entry) -> Entry:
    """Return `entry` as racy: a write may have been made between the event and the look."""
    return (*entry[:3], entry[3] | RACY, *entry[4:])
