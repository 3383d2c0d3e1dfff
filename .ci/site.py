"""Makes the pages of the docs site that are files elsewhere in the repository, or are generated from the code."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_TOP = Path(__file__).parents[1]
_PACKAGES = {
    "reloadls": "Watching files.",
    "reloadls.pool": "Hosting many live [sessions](pool.md).",
    "reloadls.config": "Live [configuration](configuration.md).",
    "reloadls.records": "Folders of JSON [records](records.md) as streams.",
    "reloadls.reload": "For programs that run under `reloadls run`, or reload themselves.",
    "reloadls.protocol": "For clients in Python, with pygls: the messages of the [protocol](protocol.md).",
}
_CONFIG = ("check", "show", "watch", "push", "status", "rollback")
_COMMANDS = (
    *("", "run", "watch", "records", "config", *(f"config {name}" for name in _CONFIG)),
    *("serve", "proxy", "status", "drain", "demo"),
)
_PAGES = {
    "index.md": "README.md",
    "vscode-extension.md": "client-vscode/README.md",
    "examples.md": "examples/README.md",
    "architecture.md": "server/ARCHITECTURE.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "releasing.md": "RELEASING.md",
    "security.md": "SECURITY.md",
}
"""Page → the file in the repository whose text it is."""
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not below docs/ (mkdocs calls this)."""
    for page, source in _PAGES.items():
        text = (_TOP / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=_with_links(text, _TOP / source)))
    files.append(File.generated(config, "cli.md", content=_command_line()))
    files.append(File.generated(config, "api.md", content=_python_api()))
    return files


def on_page_markdown(markdown: str, page: object, config: MkDocsConfig, files: Files) -> str:
    """Links from docs/ to files elsewhere lead to their pages (mkdocs calls this)."""
    uri: str = page.file.src_uri  # type: ignore[attr-defined]
    return markdown if uri in _PAGES else _with_links(markdown, _TOP / "docs" / uri)


def _with_links(text: str, source: Path) -> str:
    """The text with links to files of the repository as links between pages."""
    pages = {(_TOP / path): page for page, path in _PAGES.items()}

    def link(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(source.parent / match[1]))
        docs = _TOP / "docs"
        here = source.parent.relative_to(docs) if source.is_relative_to(docs) else Path()
        if target in pages:
            found = os.path.relpath(pages[target], here)
        elif target.is_relative_to(docs):
            found = os.path.relpath(target.relative_to(docs), here)
        else:
            return match[0]
        return f"]({found}{match[2] or ''})"

    return _LINK.sub(link, text)


def _python_api() -> str:
    """The public names of each package, for mkdocstrings."""
    parts = [
        "# Python API\n\nThese names keep their signatures within a major version; "
        "[Versions and deprecation](versioning.md) has the rules. Everything else is private.\n"
    ]
    for package, about in _PACKAGES.items():
        parts.append(f"## {package}\n\n{about}\n")
        for name in importlib.import_module(package).__all__:
            if name not in ("__version__", "methods"):
                options = "    options:\n      inherited_members: false\n" if name.endswith("Protocol") else ""
                parts.append(f"::: {package}.{name}\n{options}")
    return "\n".join(parts)


def _command_line() -> str:
    """The help of each command."""
    parts = ["# Command line\n"]
    for command in _COMMANDS:
        words = [*command.split(), "--help"]
        done = subprocess.run(
            [sys.executable, "-m", "reloadls", *words],
            capture_output=True,
            encoding="utf-8",
            check=True,
            env={**os.environ, "COLUMNS": "84", "NO_COLOR": "1", "PYTHONUTF8": "1"},
        )
        title = f"reloadls {command}".strip()
        parts.append(f"## {title}\n\n```text\n{done.stdout.strip()}\n```\n")
    return "\n".join(parts)
