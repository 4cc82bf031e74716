"""Print the path of a chromium; get one where there is none. What was chosen, and why, goes to stderr.

    python tests/find_chromium.py

In this order: WINNOW_CHROMIUM, PATH, the usual places of macOS, Debian's package (as root), playwright's own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
HELP = (
    "The browser tests need a chromium and none could be had. Install one (Debian and Ubuntu: apt install chromium), "
    "or name yours: WINNOW_CHROMIUM=/path/to/chromium make test"
)


def main() -> None:
    named = os.environ.get("WINNOW_CHROMIUM", "")
    if named and not works(named):
        sys.exit(f"WINNOW_CHROMIUM is {named}, which does not run as a browser. Correct it, or leave it unset.")
    path, origin = (named, "WINNOW_CHROMIUM") if named else find()
    if not path:
        sys.exit(HELP)
    say(f"chromium: {path} ({origin})")
    sys.stdout.write(path + "\n")


def find() -> tuple[str, str]:
    """A path and where it is from; empty if there is none."""
    if path := installed():
        return path, "installed"
    if from_debian() and (path := installed()):
        return path, "Debian's package"
    return from_playwright(), "playwright's own"


def installed() -> str:
    found = [*map(shutil.which, NAMES), *filter(os.path.exists, PLACES)]
    return next((path for path in found if path and works(path)), "")


def from_debian() -> bool:
    """Install the package where that may be done."""
    if os.geteuid() != 0 or not shutil.which("apt-get") or "ubuntu" in system_name():  # Ubuntu's is an empty shell
        return False
    say("Installing Debian's chromium ...")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"]
    return any(
        all(run(command, quiet) for command in commands)
        for commands in ([install], [["apt-get", "update", "-q"], install])
    )


def from_playwright() -> str:
    say("Getting playwright's chromium ...")
    if not run([sys.executable, "-m", "playwright", "install", "chromium"], dict(os.environ)):
        return ""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if works(path) else ""


def works(path: str) -> bool:
    """It is there with all its libraries: it says its version."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def run(command: list[str], environment: dict[str, str]) -> bool:
    return subprocess.run(command, env=environment, stdout=sys.stderr, check=False).returncode == 0


def system_name() -> str:
    release = Path("/etc/os-release")
    return release.read_text().lower() if release.exists() else ""


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
