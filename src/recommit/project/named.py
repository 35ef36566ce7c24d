"""Says which module of a project holds its problem."""

import tomllib
from pathlib import Path

from recommit import Refusal


def named_problem(root: Path) -> tuple[str, str]:
    """The module and the name in it of the problem of the project in `root`: PROBLEM in src/PACKAGE/problem.py.

    Where src holds no such package or several, it is [tool.recommit] problem = "MODULE:NAME" in pyproject.toml, which
    no stage reads: a stage's results depend on nothing else that is written there. Raises `Refusal` where nothing names
    it.
    """
    packages = [path.parent.name for path in sorted((Path(root) / "src").glob("*/problem.py"))]
    if len(own := [name for name in packages if name != "recommit"]) == 1:
        return f"{own[0]}.problem", "PROBLEM"
    file = Path(root) / "pyproject.toml"
    wanted = 'it needs [tool.recommit] problem = "PACKAGE.problem:PROBLEM"'
    try:
        named = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("recommit", {}).get("problem")
    except FileNotFoundError:
        raise Refusal(f"{file} is missing: {wanted}") from None
    except ValueError as error:
        raise Refusal(f"{file} cannot be read ({error}): mend it") from None
    if named is None:
        raise Refusal(f"{file} names no problem: {wanted}")
    module, colon, name = named.partition(":") if isinstance(named, str) else ("", "", "")
    if not (module and colon and name):
        raise Refusal(f"{file} names the problem {named!r}: {wanted}")
    return module, name
