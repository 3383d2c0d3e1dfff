"""What record streams refuse.

Exceptions:

- `RecordError`: the base; a `ValueError`, since each is about a value that was given
    - `FilterError`: a filter that can't be read
    - `LayoutError`: a layout that can't be used
    - `RecordNameError`: a kind or an id that can't name a record's file
    - `RecordDataError`: data that is not a record
    - `RecordFolderError`: a folder that can't hold records
"""

from __future__ import annotations

__all__ = ["FilterError", "LayoutError", "RecordDataError", "RecordError", "RecordFolderError", "RecordNameError"]


class RecordError(ValueError):
    """A value that record streams refuse. The message names it and says what is allowed."""


class FilterError(RecordError):
    """A filter that can't be read."""


class LayoutError(RecordError):
    """A layout that can't be used."""


class RecordNameError(RecordError):
    """A kind or an id that can't name a record's file."""


class RecordDataError(RecordError):
    """Data that is not a record."""


class RecordFolderError(RecordError):
    """A folder that can't hold records."""
