"""Extract the texts of the sources and merge them into the catalogues.

What is translated stays; what is no longer said goes. Headers are written by hand and kept as they
are: Babel would give Georgian one plural form, where it has two.
"""

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

PACKAGE = Path(__file__).parent.parent / "src" / "laurels"


def texts() -> Catalog:
    """Every text of the package, without the places where it stands."""
    template = Catalog()
    for _, _, message, comments, context in extract_from_dir(PACKAGE, comment_tags=("NOTE:",)):
        template.add(message, auto_comments=comments, context=context)
    return template


def merge(path: Path, template: Catalog) -> None:
    """Bring one catalogue up to date."""
    content = path.read_text("utf-8")
    header = content.split("\n\n", 1)[0]
    catalogue = read_po(io.StringIO(content), locale=path.parent.parent.name)
    catalogue.update(template, no_fuzzy_matching=True)
    body = io.BytesIO()
    write_po(body, catalogue, width=100, omit_header=True, sort_output=True, ignore_obsolete=True)
    merged = f"{header}\n\n{body.getvalue().decode('utf-8').strip()}\n"
    if merged != content:
        path.write_text(merged, "utf-8")


def main() -> None:
    template = texts()
    for path in sorted(PACKAGE.glob("locale/*/LC_MESSAGES/laurels.po")):
        merge(path, template)


if __name__ == "__main__":
    main()
