"""Compiles the message catalogues while the package is built; git holds the .po files only.

Puts the shipped programs and examples into the wheel, beside the code. A checkout has them at its
root, and there they are found.
"""

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def compile_catalogues(root: Path) -> None:
    """Write laurels.mo beside every laurels.po below `root`."""
    for source in sorted(root.glob("src/laurels/locale/*/LC_MESSAGES/*.po")):
        with source.open("rb") as file:
            catalogue = read_po(file, locale=source.parts[-3])
        with source.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalogue)


class CataloguesHook(BuildHookInterface[Any]):
    """Called by hatchling for wheels and for editable installs alike."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        compile_catalogues(root)
        if version != "editable":
            for name in ("programs", "examples"):
                if (root / name).is_dir():
                    build_data["force_include"][str(root / name)] = f"laurels/{name}"
