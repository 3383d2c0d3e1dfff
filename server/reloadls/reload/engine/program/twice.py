"""Whether a statement failed because of the running program: what it registers exists already, or comes too late."""

from __future__ import annotations

import dis
import errno
import os
import re
from types import TracebackType

from reloadls.base import PACKAGE
from reloadls.reload.engine.program.modules import Modules

__all__ = ["is_known_already", "is_too_late"]

_SAYS = re.compile(
    r"already\b.*\b(defined|registered|exists|exist|in use|used|added|been|has|present)"
    r"|(already (defined|registered|exist|in use|added|been|has|present|a member))"
    r"|\bduplicate|\bfrozen\b|\bconflict|\bexists\b|(defined|registered|added) (twice|more than once)"
    r"|IntegrityError|UNIQUE constraint",
    re.IGNORECASE | re.DOTALL,
)
_TOO_LATE = re.compile(
    r"\bfinali[sz]e[ds]?\b|\bfrozen\b|no longer be|"
    r"\b(after|once|already|has) (\w+ ){0,6}(started|running|mounted|generated)\b",
    re.IGNORECASE,
)
_RAISE = dis.opmap["RAISE_VARARGS"]
_ENGINE = os.path.join(PACKAGE, "reload", "engine") + os.sep


def is_known_already(error: BaseException, modules: Modules) -> bool:
    """Whether an error of a library says so, for a statement that had run before."""
    if isinstance(error, OSError):
        return error.errno == errno.EADDRINUSE  # by what the statement made when it ran before
    if isinstance(error, (SyntaxError, NameError, ImportError)) or not _raised_by_library(error, modules):
        return False
    try:
        return _SAYS.search(f"{type(error).__name__}: {error}") is not None
    except Exception:  # its own __str__
        return False


def is_too_late(error: BaseException, modules: Modules) -> bool:
    """Whether an error of a library says that it takes this only before it has started."""
    if not isinstance(error, Exception) or isinstance(error, (SyntaxError, NameError, ImportError)):
        return False
    if not _raised_by_library(error, modules):
        return False
    try:
        return _TOO_LATE.search(f"{type(error).__name__}: {error}") is not None
    except Exception:  # its own __str__
        return False


def _raised_by_library(error: BaseException, modules: Modules) -> bool:
    trace: TracebackType | None = error.__traceback__
    files = []
    while trace is not None:
        files.append(os.path.realpath(trace.tb_frame.f_code.co_filename))
        trace = trace.tb_next
    files = [each for each in files if not each.startswith(_ENGINE)]
    # What is written in C has no frame: then the program's own line is the last.
    return bool(files) and (not modules.covers(files[-1]) or not _raises(error))


def _raises(error: BaseException) -> bool:
    """Whether the innermost line is a `raise` of the program's own."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    code, at = trace.tb_frame.f_code, trace.tb_lasti
    return code.co_code[at] == _RAISE
