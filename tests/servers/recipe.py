"""How a kind of server is set up and run; its modules say it for each kind."""

import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from servers.keeper import Charge
from servers.process import Unavailable
from servers.server import Server


class Recipe(ABC):
    """How one kind of server is set up and run.

    Args:
        folder: the run's folder for this kind, for what its servers share.
    """

    name: ClassVar[str]
    orderly: ClassVar[int]
    at_once: ClassVar[int]
    user: int | None = None
    """Who it runs as, when it is not us."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def initialise(self, data: Path) -> None:
        """Make a new data folder, with our user in it."""

    @abstractmethod
    def command(self, data: Path, port: int, durable: bool, settings: Mapping[str, str]) -> tuple[str, ...]:
        """What runs a server."""

    @abstractmethod
    def server(self, port: int, **known: Any) -> Server:
        """How tests reach a server of this kind."""

    @abstractmethod
    def discard(self, data: Path) -> None:
        """Free what a server that was killed has left outside of its data folder."""

    def new_data(self, data: Path) -> None:
        """Make a data folder as a copy of the run's first one, which is not started itself."""
        template = self.folder / "template"
        if not template.exists():
            draft = self.new_folder(self.folder / "draft")
            self.initialise(draft)
            draft.rename(template)
        self.new_folder(data)
        self.execute("cp", "-a", f"{template}/.", str(data))

    def new_folder(self, path: Path) -> Path:
        """A folder that belongs to whom the server runs as."""
        path.mkdir(mode=0o700, exist_ok=True)
        if self.user is not None:
            shutil.chown(path, self.user, self.user)
        return path

    def charge(self, data: Path, port: int, durable: bool, settings: Mapping[str, str]) -> Charge:
        """What a keeper is to run."""
        command = self.command(data, port, durable, settings)
        return Charge((), command=command, user=self.user, orderly=self.orderly, at_once=self.at_once)

    def execute(self, *command: str, text: str = "", own: bool = False) -> None:
        """Carry out a command, as whom the server runs as when it is to own the outcome."""
        user = self.user if own else None
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
        if done.returncode:
            raise Unavailable(f"{command[0]} failed: {(done.stdout + done.stderr)[-2000:].strip()}")
