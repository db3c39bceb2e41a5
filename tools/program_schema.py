"""Print docs/program.schema.json from the model of the program file: `make docs`."""

import json

from laurels.program.schema import json_schema


def page() -> str:
    """The file, as it must stand in docs/program.schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(page(), end="")
