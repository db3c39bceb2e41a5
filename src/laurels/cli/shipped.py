"""Programs and data that come with the package: in a checkout, or inside an installed wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent.parent
CHECKOUT = PACKAGE.parent.parent
DEMO_DATA = "data/online_retail.parquet"
DEMO_MAPPING = "online-retail/mapping.yaml"
DEMO_PROGRAM = "retail-starter"


def folder(name: str) -> Path:
    """`programs` or `examples`: of the wheel where it has them, else of the checkout."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else CHECKOUT / name


def programs() -> dict[str, Path]:
    """Folders of the shipped programs, by name."""
    found: dict[str, Path] = {}
    for root in (folder("examples"), folder("programs")):
        for file in sorted(root.glob("*/program.yaml")):
            found[file.parent.name] = file.parent
    return dict(sorted(found.items()))


def example(name: str) -> Path:
    """A file of the examples."""
    return folder("examples") / name
