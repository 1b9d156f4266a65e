"""Write requirements/constraints.txt: the newest versions of everything that pyproject.toml asks for (`make pins`)."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = ("hatchling", "editables")
HEADER = """\
# The versions that `make demo` and `make test` install, of the packages that pyproject.toml asks for and of what those
# need in turn. Written by `make pins`; users of the library are bound by pyproject.toml only.
"""


def resolve() -> dict[str, str]:
    """Let pip choose versions, without installing anything: name to version, the project itself left out."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        subprocess.run([*command, "--report", report, f"{ROOT}[dev]", *BUILD], check=True)
        chosen = [entry["metadata"] for entry in json.loads(report.read_text())["install"]]
    return {one["name"].lower().replace("_", "-"): one["version"] for one in chosen if one["name"] != "memu"}


def main() -> None:
    """Write the file."""
    lines = [f"{name}=={version}\n" for name, version in sorted(resolve().items())]
    (ROOT / "requirements" / "constraints.txt").write_text(HEADER + "".join(lines))


if __name__ == "__main__":
    main()
