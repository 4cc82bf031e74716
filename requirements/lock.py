"""Write a lock file: the exact versions, in this environment, of all that a requirements file needs.

    python requirements/lock.py requirements/web.in requirements/web.txt

`make lock` runs it in a fresh environment for each set. A version's local part (torch 2.13.0+cpu) is left out, so that
the lock suits every build; packages that only one platform's build requires come with that build.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEAD = "# Written by `make lock` from {name}; change that file, not this one.\n"


def asked(path: Path) -> Iterator[Requirement]:
    """The requirements of a file and of the files that it includes by -r."""
    for line in path.read_text().splitlines():
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        if text.startswith("-r "):
            yield from asked(path.parent / text[3:].strip())
        elif text:
            yield Requirement(text)


def closure(wanted: list[Requirement]) -> dict[str, str]:
    """Name -> version of every requirement and of all that these require here."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    while wanted:
        need = wanted.pop()
        if str(need) in seen:
            continue
        seen.add(str(need))
        try:
            package = distribution(need.name)
        except PackageNotFoundError:
            sys.exit(f"{need.name} is not installed; run `make lock`, which installs before it writes.")
        found[canonicalize_name(need.name)] = package.version.partition("+")[0]
        wanted += [r for r in map(Requirement, package.requires or []) if applies(r, need.extras)]
    return found


def applies(requirement: Requirement, extras: set[str]) -> bool:
    """Whether it is needed on this machine, given the extras of what requires it."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras})


def main(source: Path, target: Path) -> None:
    pins = closure(list(asked(source)))
    lines = [f"{name}=={version}\n" for name, version in sorted(pins.items())]
    target.write_text(HEAD.format(name=source.name) + "".join(lines))
    sys.stdout.write(f"{target}: {len(lines)} packages\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
