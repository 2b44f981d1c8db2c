"""What the library writes that MLflow writes its `meta.yaml` with reads back as it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlake.errors import InvalidValue
from runlake.importers.flat_yaml import read_yaml

yaml = pytest.importorskip("yaml")

LETTERS = st.sampled_from([*"abc  '\"\\\n:#-?{}[],&*!|>%@`~\t019.éß日🎉\u2028\x00\x1f\r", ": ", " #", "\n\n", "  \n"])
TEXTS = st.one_of(
    st.text(max_size=30), st.lists(LETTERS, max_size=150).map("".join), st.sampled_from(["null", "1", "1.5", "yes", "[]", "=", "~"])
)
PLAIN: st.SearchStrategy[dict[str, Any]] = st.dictionaries(TEXTS, st.one_of(TEXTS, st.none(), st.integers(), st.builds(list)), max_size=3)
META: st.SearchStrategy[dict[str, Any]] = st.builds(
    lambda said, tags: {**said, "tags": tags}, PLAIN, st.dictionaries(TEXTS, TEXTS, max_size=2)
)


def flat(value: Any) -> Any:
    """As the reader gives it: numbers as they are written, and nothing for what is empty."""
    if isinstance(value, dict) and value:
        return {key: flat(inner) for key, inner in value.items()}
    return None if value in (None, {}, []) else str(value)


@given(META, st.sampled_from(["SafeDumper", "CSafeDumper"]))
def test_what_was_written_is_read(meta: dict[str, Any], dumper: str) -> None:
    """By either of its writers, in any letters, folded, quoted and nested as it likes."""
    text = yaml.dump(meta, default_flow_style=False, allow_unicode=True, Dumper=getattr(yaml, dumper, yaml.SafeDumper))
    if yaml.safe_load(text) != meta:  # there are letters that it does not bring back itself
        return

    assert read_yaml(text) == {key: flat(value) for key, value in meta.items()}


@pytest.mark.parametrize("text", ["name: 'never ends\nat all\n", "just words\n", "- a\n- b\n", "a: 1\n   b: 2\nwords\n", '? "key\n'])
def test_what_is_something_else_is_refused_with_its_line(text: str) -> None:
    """Never taken for less than it is."""
    with pytest.raises(InvalidValue, match=r"line \d"):
        read_yaml(text)


def test_a_last_line_without_an_end_was_being_written() -> None:
    """Its value may be half of one."""
    assert read_yaml("name: one\nstatus: 3\nuser_id: so") == {"name": "one", "status": "3"}
