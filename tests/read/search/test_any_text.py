"""Whatever is typed as a filter, an order, a column or a page: an answer, or an error that shows the place, and soon."""

from __future__ import annotations

import base64
import contextlib
import json
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runlake import InvalidFilter, InvalidValue, RunlakeError
from runlake.read import Query, Store, open_store
from runlake.store.layout import create
from runlake.store.writer import Writer
from written_runs import WrittenRun, found, write_runs

SECONDS = 1.0

VALID = [
    "metrics.loss < 0.8 and params.model = 'tree' and tags.`team` LIKE '%ml%' and attributes.status = \"FINISHED\"",
    "params.lr IS NOT NULL OR NOT (run_id IN ('a', 'b') AND duration > 10m)",
    "metrics.acc@best(val_loss) >= .5 and acc@-3 != nan or has(tags.`a``b`) and loss.min between -1e5 and inf",
    "start_time > -7d and team ~ '^(x+)+$' and datasets.name not ilike '%_z' and params.x <> \"it''s\"",
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A few runs, of which one has values that take long to look through."""
    layout = create(tmp_path_factory.mktemp("any") / "lake")
    writer = Writer(layout)
    keys = {f"key {number} {'x' * (number % 50)}": number for number in range(3000)}
    long = WrittenRun(
        "a", {"v": "a" * 100_000 + "b", "model": "tree", "lr": 1, **keys}, {"loss": 1, "acc": 2, "val_loss": 3}, {"team": "x"}
    )
    write_runs(writer, [long, WrittenRun("b", {"v": "日" * 30_000, "k" * 4000: 1}), WrittenRun("c", {"v": "ab" * 50_000, "x": "\0"})])
    writer.close()
    return open_store(layout.root)


def check(store: Store, query: Query, columns: list[str] | None = None) -> None:
    """It is answered, or refused with an error that shows where, within a second."""
    begun = time.process_time()
    with contextlib.suppress(RunlakeError):
        try:
            store.search(query).table(columns or ["run_id"])
        except InvalidFilter as error:
            is_shown_well(str(error))
            raise
    assert time.process_time() - begun < SECONDS


def is_shown_well(message: str) -> None:
    """What is underlined stands in the line above."""
    if "\n" not in message:
        return
    _, shown, below = message.split("\n")
    assert shown.startswith("  ")
    assert shown.isprintable()
    assert below.lstrip(" ").strip("^") == ""
    assert "^" in below
    assert len(below) <= len(shown)


any_letter = st.characters(codec=None, categories=None)
WORDS = (
    "and or not in is null between like has ( ) , = != < > ~ @ best 'x' \" ` 5 nan -7d metrics. loss tags.`a` params.lr acc status asc desc"
)
words = st.sampled_from(WORDS.split())
typed = (
    st.text(any_letter, max_size=30)
    | st.binary(max_size=30).map(lambda data: data.decode("latin-1"))
    | st.binary(max_size=30).map(lambda data: data.decode("utf-8", "surrogateescape"))
    | st.lists(words, max_size=20).map(" ".join)
    | st.lists(words, max_size=20).map("".join)
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Something that was right until it was cut, doubled, and put together anew."""
    text = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 4))):
        first, last = sorted(draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
        kind = draw(st.sampled_from(["cut", "double", "put", "swap"]))
        middle = {"cut": "", "double": text[first:last] * 2, "put": draw(words), "swap": text[first:last][::-1]}[kind]
        text = text[:first] + middle + text[last if kind != "put" else first :]
    return text


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(typed=typed | mutated())
@example("'")
@example("params.`")
@example("tags.x = '\ud800'")
@example("has(")
@example("a @ best(")
def test_any_text_is_answered_or_refused(store: Store, typed: str) -> None:
    """As a filter, as an order and as a column."""
    check(store, Query(typed))
    check(store, Query(typed, is_strict=True))
    check(store, Query(order_by=[typed]))
    check(store, Query(), [typed])


def test_what_the_mutants_are_made_of_is_right(store: Store) -> None:
    """Or they would all be refused for the same reason."""
    assert [store.search(Query(typed)).total >= 0 for typed in VALID] == [True] * len(VALID)


DEEP = 63

PATHOLOGICAL = {
    "100 kB": "a" * 100_000,
    "as long as may be": "v = '" + "x" * 8186 + "'",
    "parentheses": "(" * 10_000 + "v = 1" + ")" * 10_000,
    "as many parentheses as there is room for": "(" * 8000,
    "NOT": "not " * 10_000 + "v = 1",
    "as many NOT as there is room for": "not " * 2000,
    "has(": "has(" * 2000,
    "best(": "loss@best(" * 800,
    "OR": " or ".join(["v = 1"] * 800),
    "AND": " and ".join(["v like '%a%b%'"] * 400),
    "IN": f"v in ({','.join(map(str, range(1700)))})",
    "BETWEEN": "v between 1 and " * 500,
    "unknown keys": " or ".join(f"tags.u{number}=1" for number in range(500)),
    "an unknown key in many values": f"params.keyx in ({','.join(map(str, range(1600)))})",
    "a long unknown key": f"params.{'xk 3'.replace(' ', '') * 1000} = 1",
    "a long bare key": f"{'abcdefgh' * 1000} = 1",
    "nested repeats": "v ~ '(a+)+$'",
    "many nested repeats": " or ".join(["v ~ '(a+)+$'"] * 400),
    "alternatives": "v ~ '(a|a)*$'",
    "no room for the expression": "v ~ '((a{100}){100}){100}'",
    "a long expression": f"v ~ '{'(a|b|ab)*' * 110}c$'",
    "groups": f"v ~ '{'(' * 499}{')' * 499}'",
    "wildcards": f"v like '{'%a' * 499}'",
    "too many wildcards": f"v like '{'%a' * 4000}'",
    "1e999": "metrics.loss > 1e999 or params.lr = -1e999",
    "400 digits": f"metrics.loss > 1{'0' * 400} or params.lr = {'9' * 400}.5",
    "8,000 digits": f"params.lr = {'1' * 8000}",
    "8,000 digits of a time": f"start_time > {'1' * 8000}",
    "8,000 digits of a span": f"start_time > -{'9' * 8000}d",
    "8,000 digits of a duration": f"duration > {'9' * 8000}m",
    "8,000 digits of a step": f"loss@{'9' * 8000} > 1",
    "8,000 zeros": f"params.lr = 0.{'0' * 8000}",
    "8,000 digits and a letter": f"duration > {'9' * 8000}x",
    "8,000 spaces": f"v{' ' * 8000}= 1",
    "quotes": "'" * 8001,
    "quotes within": f"v = '{chr(39) * 2 * 4000}'",
    "back-ticks": f"params.{'`' * 8001}",
    "half a pair": "v = '\udcff'",
    "half a pair as a key": "tags.`\ud800` is null",
    "NUL": "x = '\0' and v != '\0' and tags.`\0` is null and v ~ '\0' or v like '\0%'",
    "a year": "start_time > '0001-01-01' or start_time < '9999-12-31T23:59:59.999999'",
}


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_what_takes_others_long_does_not_take_long(store: Store, name: str) -> None:
    """Within a second, on values of 100 kB."""
    check(store, Query(PATHOLOGICAL[name]))
    check(store, Query(PATHOLOGICAL[name], is_strict=True))
    check(store, Query(order_by=[PATHOLOGICAL[name]]))


def test_a_filter_has_a_length_and_a_depth(store: Store) -> None:
    """Of 8,192 characters and 64 conditions inside each other."""
    with pytest.raises(InvalidFilter, match=r"A filter has at most 8,192 characters; this one has 8,193\."):
        store.search(Query("x" * 8193))
    for typed in ("(" * (DEEP + 2) + "v = 1" + ")" * (DEEP + 2), "not " * (DEEP + 2) + "v = 1", "not (" * 33 + "v = 1" + ")" * 33):
        with pytest.raises(InvalidFilter, match="More than 64 conditions stand inside each other"):
            store.search(Query(typed))

    assert [found(store, f"{before}v != 1{after}") for before, after in (("(" * DEEP, ")" * DEEP), ("not not " * 31, ""))] == ["a b c"] * 2
    assert found(store, "x = '\0'") == "c"
    assert found(store, "v != '" + "x" * 8185 + "'") == "a b c"


ERRORS = [
    ("loss >", ">", "Here a value is expected: a number, a word, or a text in quotes, and the text ends."),
    ("loss", "loss", "Behind the name of a value a comparison is expected: = != < <= > >= ~ IN LIKE BETWEEN IS, and the text ends."),
    ("loss 5 = 3", "5", "Behind the name of a value a comparison is expected: = != < <= > >= ~ IN LIKE BETWEEN IS."),
    ("loss = 1 acc = 2", "acc", "What follows here is not joined with AND or OR."),
    ("metric.acc >= 0.94; metrics.loss < 1", "metrics.loss", "What follows here is not joined with AND or OR."),
    ("(loss = 1", "1", "Here ')' is expected, and the text ends."),
    ("loss in 1", "1", "Here '(' is expected."),
    ("loss in (1,)", ")", "Here a value is expected: a number, a word, or a text in quotes."),
    ("loss between 1 or 2", "or", "Here AND is expected."),
    ("loss is 5", "5", "Here NULL is expected."),
    ("loss not = 5", "=", "Behind this NOT, IN, LIKE, ILIKE or BETWEEN is expected."),
    ("not", "not", "Here the name of a param, metric, tag or attribute is expected, and the text ends."),
    ("'loss' = 1", "'loss'", "Here the name of a param, metric, tag or attribute is expected."),
    ("params. = 1", "params.", "Behind 'params.' a key is expected."),
    ("tags.'team' = 'x'", "tags.", "Behind 'tags.' a key is expected."),
    ("team = `x`", "`x`", "Here a value is expected: a number, a word, or a text in quotes."),
    ("team = 'x", "'", "The quote ' is not closed."),
    ("team ! x", "!", "'!' means nothing here."),
    ("team < 'x'", "'x'", "< compares numbers, and 'x' is a text."),
    ("lr < high", "high", "< compares numbers, and 'high' is none."),
    ("status > finished", "finished", "> compares numbers, and 'finished' is none."),
    ("loss = 'x'", "'x'", "A metric is a number, and 'x' is none."),
    ("loss = '1'", "'1'", "A metric is a number, and '1' is none."),
    ("loss like '1%'", "'1%'", "LIKE compares texts, and this is a number."),
    ("start_time ~ '1'", "'1'", "~ compares texts, and this is a number."),
    ("status = ACTIVE", "ACTIVE", "No run is ever 'ACTIVE'; a status is RUNNING, FINISHED, FAILED, KILLED, PRUNED, CRASHED."),
    ("start_time > 7d", "7d", "7d is to come; -7d is that long ago."),
    ("start_time > soon", "soon", "A time is -7d, '2026-01-31', '2026-01-31 18:30' or milliseconds since 1970, not 'soon'."),
    ("duration > '10m'", "'10m'", "A duration is 90s, 10m, 2h or 1d, or a number of seconds, not '10m'."),
    ("team ~ '('", "'('", "'(' is no regular expression: missing ): (."),
    ("metrics.`loss`.mode > 1", ".mode", "Behind a key in quotes comes .last, .min, .max, .first, .mean, or @ and a step."),
    ("loss@first > 1", "first", "Behind @ comes a step, or best(a metric)."),
    ("loss@99999999999999999999 > 1", "99999999999999999999", "Behind @ comes a step, or best(a metric)."),
    ("loss@best(team) > 1", "team", "Only a metric has a best step."),
    ("params.lr@3 > 1", "params.lr@3", "Only a metric has steps."),
    ("attributes.strat_time > 1", "attributes.strat_time", "No run has an attribute 'strat_time'; did you mean 'start_time'?"),
    ("datasets.nam = 'x'", "datasets.nam", "A data set has no 'nam'; did you mean 'name'?"),
    ("los < 1", "los", "No run has anything named 'los'; did you mean 'loss'?"),
    ("x = 1 and\n\ttags.\ud800 = 2", "\ud800", "Here is half a surrogate pair, which no text in a store holds."),
]


@pytest.mark.parametrize(("typed", "wrong", "what"), ERRORS, ids=[typed for typed, *_ in ERRORS])
def test_an_error_says_what_is_wrong_and_underlines_it(store: Store, typed: str, wrong: str, what: str) -> None:
    """What is typed stands below the message, and below that a line under the word that is meant."""
    with pytest.raises(InvalidFilter) as caught:
        store.search(Query(typed))

    message, shown, below = str(caught.value).split("\n")
    assert (message, shown[2:]) == (what, "".join(letter if letter.isprintable() else " " for letter in typed))
    assert typed[below.index("^") - 2 : len(below) - 2] == wrong


def test_what_is_empty_or_no_text_is_refused(store: Store) -> None:
    """An empty filter asks for all runs; an empty order or column means nothing."""
    for order in ("", "  ", "\n"):
        with pytest.raises(InvalidFilter, match="Here the name of a param, metric, tag or attribute is expected, and the text is empty"):
            store.search(Query(order_by=[order]))
    for wrong in (None, 5, b"loss", ["loss"]):
        with pytest.raises(InvalidValue, match=f"A filter is text, not {type(wrong).__name__}"):
            store.search(Query(wrong))  # type: ignore[arg-type]  # which is the point
        with pytest.raises(InvalidValue, match=f"What runs are sorted by is text, not {type(wrong).__name__}"):
            store.search(Query(order_by=[wrong]))  # type: ignore[list-item]  # the same


@pytest.mark.parametrize("order", ["loss desc asc", "loss, acc", "loss down", "loss > 1", "desc", "datasets.name", "lr@3 desc"])
def test_what_is_no_order_is_refused(store: Store, order: str) -> None:
    """One value, and which way."""
    with pytest.raises(InvalidFilter):
        store.search(Query(order_by=[order]))


def encoded(token: object) -> str:
    """As a token looks."""
    return base64.urlsafe_b64encode(json.dumps(token).encode()).decode()


def token_of(store: Store, query: Query) -> str:
    """What asks for the second page of one run."""
    token = store.search(query).token
    assert token is not None
    return token


TOKENS = ["x", "", "====", "日", "\ud800", "a" * 10_000, encoded(5), encoded(None), encoded([1]), encoded({}), encoded({"of": 1, "at": 5})]
TOKENS += [encoded({"of": "", "at": [[float("inf"), 0]]}), encoded({"of": "", "at": [[0, {}]]}), encoded({"of": "", "at": [[1]]})]
TOKENS += [base64.urlsafe_b64encode(b"[" * 50_000).decode(), base64.urlsafe_b64encode(b"\xff\xfe").decode()]


@pytest.mark.parametrize("token", TOKENS, ids=range(len(TOKENS)))
def test_what_is_no_page_token_is_refused(store: Store, token: str) -> None:
    """Whatever it is."""
    with pytest.raises(InvalidValue):
        store.search(Query(page_token=token))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_token_that_was_tampered_with_is_answered_or_refused(store: Store, data: st.DataObject) -> None:
    """Its letters, or what it says."""
    query = Query(order_by=["metrics.loss", "v DESC"], max_results=1)
    token = token_of(store, query)
    said = json.loads(base64.urlsafe_b64decode(token))
    value = st.none() | st.integers() | st.floats() | st.text(any_letter, max_size=5)
    place = st.tuples(st.integers() | st.floats() | st.text(max_size=2), value)
    said["at"] = data.draw(st.lists(place, min_size=3, max_size=5))
    at = data.draw(st.integers(0, len(token)))
    changed = token[:at] + data.draw(st.text("abc=-_", max_size=3)) + token[at + data.draw(st.integers(0, 3)) :]

    for each in (encoded(said), changed):
        check(store, Query(order_by=query.order_by, max_results=1, page_token=each))


@pytest.mark.parametrize("typed", ["acc " * 2000, "'" + "x" * 8000, "(" * 8000, "acc " + "9" * 8000])
def test_a_long_mistake_is_not_shown_whole(store: Store, typed: str) -> None:
    """What is wrong begins where the line under it begins."""
    with pytest.raises(InvalidValue) as raised:
        store.search(Query(typed))

    assert max(map(len, str(raised.value).splitlines())) < 300
