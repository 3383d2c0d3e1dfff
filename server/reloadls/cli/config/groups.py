"""The groups of this machine, as commands see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reloadls.cli.arguments import bad_argument

if TYPE_CHECKING:
    from reloadls.config.group.folder import GroupFolder

__all__ = ["found_groups", "one_group"]


def found_groups(name: str | None) -> list[GroupFolder]:
    """Return the folders of all groups with live members, or of those with this name."""
    from reloadls.config.group.folder import group_folders  # noqa: PLC0415 - not for --help
    from reloadls.config.group.members import live_members  # noqa: PLC0415

    return [folder for folder in group_folders() if name in (None, folder.name) and live_members(folder)]


def one_group(name: str | None) -> GroupFolder:
    """Return the folder of the one group that is meant.

    Raises:
        BadParameter: there is none, or more than one.
    """
    found = found_groups(name)
    if not found:
        reason = "no group runs here." if name is None else "is not the name of a group that runs here."
        raise bad_argument("GROUP", name, reason)
    if len(found) > 1:
        names = ", ".join(sorted({folder.name for folder in found}))
        raise bad_argument("GROUP", name, f"must name one group: {len(found)} run here ({names}).")
    return found[0]
