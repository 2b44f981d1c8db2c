"""A class or a function comes along as source, with all that it needs: what another process makes of it is the same."""

from __future__ import annotations

import contextlib
import dis
import functools
import importlib.util
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

from kernels import kernel, run_cells
from runlake.errors import InvalidValue
from runlake.models.code.literals import literal_of
from runlake.models.code.modules import module_of
from runlake.models.code.sources import source_of

Program = Callable[..., ModuleType]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Imports a module of the user's own, which is gone after the test."""
    made = []

    def make(text: str, name: str = "own_program") -> ModuleType:
        path = tmp_path / f"{name}.py"
        path.write_text(textwrap.dedent(text))
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        made.append(name)
        spec.loader.exec_module(module)
        return module

    yield make
    for name in made:
        del sys.modules[name]


def elsewhere(source: str, asked: str) -> str:
    """What a new process prints of the expression that has the source's names, and nothing else of ours."""
    run = """
import sys, types
names = vars(sys.modules.setdefault("elsewhere", types.ModuleType("elsewhere")))
exec(sys.argv[1], names)
print(eval(sys.argv[2], names))
"""
    finished = subprocess.run([sys.executable, "-I", "-c", run, source, asked], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.rstrip("\n")


def again(value: Any, name: str = "predict") -> Any:
    """The object that its source makes in a module of its own."""
    return getattr(module_of(source_of(value), "test"), name)


MANY_THINGS = '''
from __future__ import annotations
import dataclasses, enum, functools, logging, math, re
import xml.etree.ElementTree
import collections.abc as abc
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nowhere import Frame

log = logging.getLogger("own")
WORD = re.compile("a+", re.IGNORECASE)
TABLE = {"a": (1, 2.5), 3: {4}, None: frozenset({"x"}), b"k": [float("-inf"), 1j, ...]}
HOME = Path("/data")

Point = namedtuple("Point", "x y", defaults=(2,))

class Color(enum.Enum):
    RED = "r"

CHOSEN = Color.RED

def once(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args) + 1
    return inner

@dataclass(frozen=True)
class Width:
    value: float = math.pi
    text: str = """
  two
lines"""
    often: list[int] = dataclasses.field(default_factory=lambda: [len(TABLE)])

@functools.lru_cache(maxsize=None)
def root(x: float) -> float:
    return math.sqrt(x) + later(x)

@once
def later(x):
    return Width().value * x

square = lambda x: x * x
twice = square

class Base:
    height = root(4.0) + TABLE["a"][1]

    def child(self):
        return Deep()

class Deep(Base, abc.Sized):
    DEPTH = 3

    def __len__(self):
        return len([each for each in range(self.DEPTH) if square(each) > 0])

def predict(rows: Frame, *, width=Width(), **more: Width):
    """Many things."""
    tree = xml.etree.ElementTree.fromstring("<a><b/></a>")
    log.debug("asked")
    known = [len(Base().child()), Base.height, len(tree), bool(WORD.match("AA")), str(HOME), CHOSEN.name, twice(3), Point(1)]
    return known, width, Width().often, sorted(map(repr, TABLE.values())), [Color(each).name for each in rows]
'''


def test_what_a_function_needs_comes_along(program: Program) -> None:
    """Decorators, constants, base classes, functions called while a class is made, aliases, modules below modules."""
    own = program(MANY_THINGS)

    source = source_of(own.predict)

    assert elsewhere(source, "predict(['r'])") == repr(own.predict(["r"])).replace("own_program", "elsewhere")
    assert "nowhere" not in source


def test_the_source_of_what_was_made_from_a_source_is_that_source(program: Program) -> None:
    """A model that was loaded can be kept again."""
    source = source_of(program(MANY_THINGS).predict)

    assert source_of(module_of(source, "test").predict) == source


def test_of_several_definitions_of_a_name_the_one_that_runs_is_taken(program: Program) -> None:
    """Whichever of them stands last; and a class that a call made is not taken for another of its name."""
    own = program(
        """
        from collections import namedtuple
        Row = namedtuple("Other", "a")
        class Other:
            pass
        if Row:
            class Model:
                def ask(self, x):
                    return Row(x).a
        else:
            class Model:
                def ask(self, x):
                    return None
        """
    )

    assert again(own.Model, "Model")().ask(3) == 3


def test_the_same_constants_give_the_same_text() -> None:
    """A set has another order in another process."""
    assert literal_of({"b", "a", "c"}) == ("set(['a', 'b', 'c'])", {})
    assert literal_of(frozenset(range(99))) == literal_of(frozenset(range(98, -1, -1)))


def test_types_and_pickles_find_the_module_of_a_class(program: Program) -> None:
    """Which is a module of its own, and never `__main__`."""
    own = program(
        """
        from __future__ import annotations
        import copy, typing
        from dataclasses import dataclass

        @dataclass
        class Row:
            value: list[Other]

        class Other: ...

        def predict(rows):
            return typing.get_type_hints(Row)["value"], copy.deepcopy(Row([1])), copy.copy(Other).__module__
        """
    )

    hint, row, module = again(own.predict)([])

    assert (hint.__args__[0].__name__, row.value) == ("Other", [1])
    assert module == type(row).__module__ != "own_program"


def test_what_a_module_of_the_users_own_has_comes_along(program: Program) -> None:
    """By whatever name it was imported; also what that needs in its turn."""
    program("LIMIT = 3\ndef clipped(x):\n    return min(x, LIMIT)\n", "own_numbers")
    program("import own_numbers as n\nfrom own_numbers import clipped as cut\nclass Base:\n    cut = staticmethod(cut)\n", "own_base")
    own = program("from own_base import Base as Above\nclass Model(Above):\n    def ask(self, x):\n        return self.cut(x)\n")

    source = source_of(own.Model)

    assert elsewhere(source, "Model().ask(7)") == "3"
    assert "own_" not in source


def test_a_definition_inside_of_a_function_has_what_is_around_it() -> None:
    """Also texts over several lines, which keep their indentation."""
    limit = 3

    class Base:
        text = """
        kept
        as it is"""

    class Model(Base):
        def ask(self, x: int) -> tuple[int, str]:
            return min(x, limit), self.text

    assert again(Model, "Model")().ask(7) == Model().ask(7)


def test_what_a_library_has_is_imported_from_where_people_find_it(program: Program) -> None:
    """Also what does not say of itself where it is from."""
    own = program(
        """
        import numpy as np
        import numpy.linalg
        from numpy import log1p as log, ndarray
        from numpy.random import default_rng
        from json import JSONDecodeError
        def predict(rows):
            return np.linalg.norm(log(rows)), ndarray, default_rng, JSONDecodeError, numpy.linalg.det
        """
    )
    source = source_of(own.predict)

    assert [line for line in source.splitlines() if line.startswith("from")] == [
        "from json import JSONDecodeError",
        "from numpy import log1p as log",
        "from numpy import ndarray",
        "from numpy.random import default_rng",
    ]
    assert again(own.predict)([0.0])[0] == 0.0


def test_a_library_that_is_watched_is_the_same_library(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was imported before another thing took its place there is imported from the same place."""
    own = program("from textwrap import dedent\ndef predict(x):\n    return dedent(x)")
    monkeypatch.setattr(textwrap, "dedent", functools.wraps(textwrap.dedent)(lambda *_: "watched"))

    assert "\nfrom textwrap import dedent\n" in source_of(own.predict)


CONSTANTS = """
import collections, datetime, decimal, fractions, functools, threading, typing, uuid
from dataclasses import dataclass
from collections.abc import Callable
import numpy as np

@dataclass
class Setting:
    width: int
    more: "tuple[Setting, ...]" = ()

class Row(typing.NamedTuple):
    a: int

def one(x): return x + 1

MEAN = np.array([[0.1, float("nan")], [1e300, 3]], dtype="float64")
EMPTY = np.zeros((0, 3), dtype="int8")
THRESHOLD = np.float32(0.1)
DTYPE = np.dtype("float32")
NUMBERS = (int, float, np.integer)
TABLE = {"one": one, "abs": abs, "setting": Setting(1, (Setting(2),)), "row": Row(1), fractions.Fraction(1, 3): None}
WHEN = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc), datetime.timedelta(days=1), decimal.Decimal("0.1"), range(3)
COUNTS = collections.Counter("aab")
MISSING = object()
LOCK = threading.Lock()
T = typing.TypeVar("T", bound=int)
Batch = dict[str, list[T] | None]
Mode = typing.Optional[typing.Literal["a", "b"]]
Call = Callable[[int], typing.Any]
raised = one
half = functools.partial(pow, 2, mod=3)

def predict(x: Batch, y: Mode = None, z: Call | None = None, known=MISSING):
    with LOCK:
        assert known is MISSING
    table = {str(key): value(1) if callable(value) else value for key, value in TABLE.items()}
    return MEAN, EMPTY, THRESHOLD, DTYPE, NUMBERS, table, WHEN, COUNTS, T, raised(1), half(5)
"""


def test_constants_that_are_no_json_come_along(program: Program) -> None:
    """Small arrays, types, dates, tables of functions, objects of dataclasses, and what is unlike anything else."""
    own = program(CONSTANTS)

    source = source_of(own.predict)

    assert elsewhere(source, "predict(1)").replace("elsewhere", "") == repr(own.predict(1)).replace("own_program", "")
    hints, theirs = own.predict.__annotations__, again(own.predict).__annotations__
    assert (theirs["y"], theirs["z"]) == (hints["y"], hints["z"])


@pytest.mark.parametrize("library", ["calendar", "difflib", "heapq", "statistics", "textwrap"])
def test_whatever_people_write_comes_along_or_is_refused(library: str, program: Program) -> None:
    """Real modules, as if they were the user's own: each source runs, lacks no name, and gives itself again."""
    own = program(Path(importlib.import_module(library).__file__ or "").read_text())
    made = [value for value in vars(own).values() if getattr(value, "__module__", "") == "own_program" and hasattr(value, "__qualname__")]
    sources = {}
    for value in made:
        with contextlib.suppress(InvalidValue):
            sources[value.__name__] = source_of(value)

    assert len(sources) > len(made) / 3
    for name, source in sources.items():
        module = module_of(source, "test")
        codes = [code for code in _codes(compile(source, "source", "exec")) if not code.co_name.startswith("<module")]
        used = {each.argval for code in codes for each in dis.get_instructions(code) if each.opname == "LOAD_GLOBAL"}
        assert {each for each in used if hasattr(own, each) and not hasattr(module, each)} == set()
        assert source_of(vars(module)[name]) == source


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def test_definitions_of_a_notebook_come_along(tmp_path: Path) -> None:
    """Those of the cell that was run last, also of a class without functions."""
    cells = [
        "from runlake.models.code.sources import source_of\nimport math\nfrom dataclasses import dataclass",
        "LIMIT = 1\n\n@dataclass\nclass Width:\n    value: int = 1",
        "%config\n@dataclass\nclass Width:\n    value: int = 2\n",
        "class Base:\n    def root(self, x):\n        return math.sqrt(x) * Width().value",
        "class Model(Base):\n    def predict(self, x):\n        return min(self.root(x), LIMIT)",
        "LIMIT = 7\nclass Model(Base):\n    def predict(self, x):\n        return min(self.root(x), LIMIT) + 1",
        "print(source_of(Model))",
    ]
    with kernel(tmp_path) as client:
        book = run_cells(client, cells)

    source = book.cells[-1].outputs[0].text
    assert elsewhere(source, "Model().predict(9), Model().predict(100)") == "(7.0, 8)"


def test_a_file_that_was_edited_while_it_ran_is_not_taken_for_what_runs(program: Program, tmp_path: Path) -> None:
    """Whether a number changed, or lines moved, or the file is gone."""
    text = "def helper(x):\n    return x * 2\n\nclass Model:\n    def ask(self, x):\n        return helper(x)\n"
    own = program(text)
    for changed in (text.replace("2", "3"), "\n" + text, "", "def ("):
        (tmp_path / "own_program.py").write_text(changed)
        with pytest.raises(InvalidValue, match=r"was changed after it was loaded|cannot be read"):
            source_of(own.Model)
    (tmp_path / "own_program.py").write_text(text)

    assert again(own.Model, "Model")().ask(2) == 4


REFUSED = {
    "object of a library": (
        "from types import SimpleNamespace\nscaler = SimpleNamespace(a=1)\nclass Model:\n    def ask(self, x):\n        return x * scaler",
        r"scaler, used in Model\.ask \(.*own_program\.py:3\), is a types\.SimpleNamespace, .*load_context\(\) from a file that artifacts=",
    ),
    "object of an own class": ("class A: ...\na = A()\ndef predict(x):\n    return a", r"a, used in predict .*, is a own_program\.A"),
    "table": (
        "table = {'a': lambda x: x}\ndef predict(x):\n    return table",
        r"table, used in predict .*, is a builtins\.dict, which holds more",
    ),
    "not there yet": ("def predict(x):\n    return later(x)", r"later, used in predict .*, is not defined there yet"),
    "its own file": ("def predict(x):\n    return __file__", r"predict asks for __file__"),
    "own module": ("import own_other\ndef predict(x):\n    return own_other.x", r"module own_other, .*code_paths=\['.*own_other\.py'\]"),
    "own module, inside": ("def predict(x):\n    import own_other", r"imports own_other, .*code_paths=\['.*own_other\.py'\]"),
    "wrapped by a call": (
        "import functools\ndef slow(x): return x\nslow = functools.cache(slow)\ndef predict(x):\n    return slow(x)",
        "slow is wrapped by a call",
    ),
    "wrapped without a word": (
        "def deco(f):\n    def inner(x): return f(x)\n    return inner\n@deco\ndef slow(x): return x\ndef predict(x):\n    return slow(x)",
        "'slow' is one thing in .* and another in",
    ),
    "made by exec": ("exec('def helper(x): return x')\ndef predict(x):\n    return helper(x)", "source of helper is not known"),
    "class made by a call": ("A = type('A', (), {})\ndef predict(x):\n    return A", "source of the class A is not known"),
    "long data": ("data = list(range(300_000))\ndef predict(x):\n    return data", r"data, used in predict .* is data of 2,288,890 char"),
    "two of a name": (
        "from own_other import clip\nx = 1\ndef predict(y):\n    return clip(y) + x",
        "'x' is one thing in .*and another in .*own_other",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_come_along_is_an_error_that_names_it(case: str, program: Program) -> None:
    """With the place that needs it, and what can be done."""
    program("x = 2\ndef clip(y):\n    return min(x, y)\n", "own_other")
    text, said = REFUSED[case]
    own = program(text)

    with pytest.raises(InvalidValue, match=said):
        source_of(getattr(own, "Model", None) or own.predict)


def test_modules_that_are_shipped_are_imported(program: Program) -> None:
    """They come with the model, so their sources need not stand in its own."""
    program("def clip(y):\n    return y\n", "own_other")
    own = program(
        "import own_other\nfrom own_other import clip\ndef predict(y):\n    import own_other.more as it\n    return clip(own_other.LIMIT)\n"
    )

    source = source_of(own.predict, {"own_other"})

    assert "import own_other\n" in source
    assert "from own_other import clip\n" in source


def test_to_take_a_source_runs_nothing_of_it(program: Program, tmp_path: Path) -> None:
    """What a program did when it was imported is not done again."""
    own = program(
        f"""
        from pathlib import Path
        def count(x):
            with open({str(tmp_path / "count")!r}, "a") as file:
                file.write("x")
            return x
        class Model:
            height = count(1)
            def __init__(self):
                count(2)
            def ask(self, x=count(3)):
                return x
        """
    )

    source = source_of(own.Model)

    assert (tmp_path / "count").read_text() == "xx"
    assert "height = count(1)" in source
