"""`.env` files, by python-dotenv's rules."""

from __future__ import annotations

import os

from reloadls.config.formats.env_text import parse_env
from reloadls.config.formats.flat import flat_part
from reloadls.config.source import Part
from reloadls.config.sources.files import FileSource

__all__ = ["EnvFile"]


class EnvFile(FileSource):
    """A ``.env`` file: quotes, ``export``, comments, several lines and ``${NAME}`` as python-dotenv has them.

    Needs the extra ``config``. A line that is not a variable is an error, while python-dotenv skips it with a warning.

    Args:
        path: the file.
        prefix: only variables whose names begin with it; it is not part of the key.
        delimiter: what divides a name into nested keys: ``DB__URL`` is ``db.url``.
        interpolate: whether ``${NAME}`` is replaced.
        required: whether the file must exist.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = ".env",
        *,
        prefix: str = "",
        delimiter: str = "__",
        interpolate: bool = True,
        required: bool = True,
    ) -> None:
        super().__init__(path, required=required)
        self.prefix, self.delimiter, self.interpolate = prefix, delimiter, interpolate

    def read(self) -> Part:
        """See `LocalSource.read`."""
        text = self.text()
        if text is None:
            return Part(flat=True)
        return flat_part(parse_env(text, interpolate=self.interpolate), prefix=self.prefix, delimiter=self.delimiter)
