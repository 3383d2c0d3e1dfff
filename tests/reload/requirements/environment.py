"""A virtual environment, a folder of wheels made here, and a program under `reloadls run` in them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.cli.running import Running, environment
from tests.reload.runtime.programs import Program, runtime_folder

__all__ = ["Environment", "make_wheel", "uv"]


def make_wheel(folder: Path, name: str, version: str, files: Mapping[str, str] | None = None, **headers: str) -> Path:
    """Write a wheel whose module `name` has `VERSION`.

    Args:
        folder: where.
        name: the distribution and its module.
        version: its version.
        files: other files than the module.
        headers: more metadata, such as `Requires_Dist`.
    """
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    more = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in headers.items())
    contents = {
        **({f"{name}.py": f"VERSION = {version!r}\n"} if files is None else files),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for file, text in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{file},sha256={digest},{len(text.encode())}\n")
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in contents.items():
            archive.writestr(file, text)
        archive.writestr(f"{info}/RECORD", "".join([*lines, f"{info}/RECORD,,\n"]))
    return path


def uv() -> Path:
    """Return uv of the environment that runs the tests."""
    return Path(sysconfig.get_path("scripts")) / "uv"


class Environment:
    """A virtual environment that also finds what this one has installed, and a project with wheels.

    Args:
        folder: where to make them.
        with_uv: whether uv is on the PATH.
        with_pip: whether pip is installed.
    """

    def __init__(self, folder: Path, *, with_uv: bool = False, with_pip: bool = True) -> None:
        self.folder = folder / "venv"
        venv.create(self.folder, with_pip=False, symlinks=True)
        self.python = self.folder / "bin" / "python"
        self.site = Path(
            subprocess.check_output(
                [self.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
            ).strip()
        )
        ours = Path(sysconfig.get_path("purelib"))
        if not with_pip:  # everything else is linked
            ours = folder / "libraries" / "site-packages"
            ours.mkdir(parents=True)
            for each in Path(sysconfig.get_path("purelib")).iterdir():
                if not each.name.startswith(("pip", "_reloadls", "__editable__")):
                    (ours / each.name).symlink_to(each)
        (self.site / "tests-environment.pth").write_text(f"{ours}\n")
        self.bin = folder / "bin"
        self.bin.mkdir()
        if with_uv:
            (self.bin / "uv").symlink_to(uv())
        self.project = folder / "project"
        self.project.mkdir()
        self.wheels = self.project / "wheels"

    def require(self, *demands: str, file: str = "requirements.txt") -> None:
        """Write a requirements file that finds only the wheels made here."""
        lines = ["--no-index", "--find-links wheels", *demands]
        (self.project / file).write_text("".join(f"{line}\n" for line in lines))

    def install(self, wheel: str) -> None:
        """Install one of the wheels made here."""
        with zipfile.ZipFile(self.wheels / f"{wheel}-py3-none-any.whl") as archive:
            archive.extractall(self.site)

    def installed(self, name: str) -> str:
        """Return the installed version; empty if there is none."""
        found = [each.name for each in self.site.glob(f"{name}-*.dist-info")]
        return found[0].removesuffix(".dist-info").partition("-")[2] if found else ""

    @contextlib.contextmanager
    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Program]:
        """Run `reloadls run` with these arguments in the project."""
        path = os.pathsep.join([os.fspath(self.bin), os.fspath(self.folder / "bin"), "/usr/bin", "/bin"])
        with runtime_folder() as runtime:
            more = {"XDG_RUNTIME_DIR": os.fspath(runtime), "PATH": path, "UV_CACHE_DIR": os.fspath(runtime / "uv")}
            command: list[str | Path] = [self.python, "-m", "reloadls", "run", *arguments]
            with subprocess.Popen(
                command,
                cwd=self.project,
                env=environment(**more, **(env or {})),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            ) as process:
                started = Program(Running(process, reads=True), self.project, runtime)
                try:
                    yield started
                finally:
                    started.close()
                    process.terminate()  # workers outlive a server that is killed
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(20)
                    process.kill()
                    started.running.wait()


assert sys.platform != "win32"
