"""Sixty forms of secrets in every place that a program can have them: neither the store nor what is printed holds one."""

from __future__ import annotations

import json
import logging
import random
import string
import time
from pathlib import Path

import pytest

import runlake
from children import run_program
from runlake import guard
from runlake.entities import Job, JobState
from runlake.redaction import redacted, redacted_text
from toys import path_setting, write_plugin

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits

# What comes before the secret, how long that is, and of which letters: joined when the tests run, so that no scanner finds any here.
PREFIXED = {
    "sk-": (32, LETTERS),
    "sk-" + "ant-api03-": (40, LETTERS),
    "sk-" + "proj-": (40, LETTERS),
    "sk_" + "live_": (24, LETTERS),
    "rk_" + "live_": (24, LETTERS),
    "whsec_": (32, LETTERS),
    "hf_": (34, LETTERS),
    "ghp_": (36, LETTERS),
    "gho_": (36, LETTERS),
    "ghu_": (36, LETTERS),
    "ghs_": (36, LETTERS),
    "ghr_": (36, LETTERS),
    "github_pat_": (40, LETTERS),
    "glpat-": (20, LETTERS),
    "glrt-": (20, LETTERS),
    "gldt-": (20, LETTERS),
    "AKIA": (16, UPPER),
    "ASIA": (16, UPPER),
    "xoxb-": (24, LETTERS),
    "xoxp-": (30, LETTERS),
    "xapp-" + "1-": (30, LETTERS),
    "AIza": (35, LETTERS),
    "ya29.": (40, LETTERS),
    "npm_": (36, LETTERS),
    "pypi-" + "AgEI": (60, LETTERS),
    "dop_v1_": (40, HEX),
    "shpat_": (32, HEX),
    "dckr_pat_": (27, LETTERS),
    "hvs.": (30, LETTERS),
    "sq0atp-": (22, LETTERS),
    "gsk_": (50, HEX),
    "nvapi-": (60, HEX),
    "pplx-": (48, HEX),
    "r8_": (37, HEX),
    "lin_api_": (40, HEX),
    "dapi": (32, HEX),
    "AGE-SECRET-KEY-1": (58, UPPER),
    "123456789:AA": (33, LETTERS),
    "https://hooks.slack.com/services/T0ABCDEF1/B0ABCDEF1/": (24, LETTERS),
}

# Texts that hold a secret of no form of its own.
TEXTS = {
    "address": "https://ann:{}@example.com/repo.git",
    "address of a token": "https://{}@example.com/repo.git",
    "password with an at sign": "postgresql://ann:aa@{}@db:5432/x",
    "address without a user": "redis://:{}@cache:6379/0",
    "driver": "mysql+pymysql://ann:{}@db/x",
    "query": "https://example.com/x?a=1&api_key={}&b=2",
    "signed": "https://b.example.com/x?X-Amz-Signature={}",
    "shared": "https://x.blob.example.com/c?sv=2&sig={}",
    "connection": "Server=tcp:x;User=ann;Password={};Encrypt=yes",
    "short connection": "Server=x;Uid=ann;Pwd={};",
    "storage": "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={};",
    "bus": "Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey={}",
    "words of a connection": "host=db user=ann password={} dbname=x",
    "json": '{{"lr": 0.1, "db": {{"password": "{}"}}}}',
    "json in json": '{{"body": "{{\\"password\\": \\"{}\\"}}"}}',
    "password of words": "password: 'correct horse; battery, {}'",
    "repr": "Client(url='x', api_key='{}', retries=3)",
    "repr of bytes": "Client(secret=b'{}')",
    "yaml": "user: ann\npasswd: {}\n",
    "ruby": ":client_secret => '{}'",
    "option": "train.py --secret={} --lr 0.1",
    "option and word": "train.py --db-password {} --lr 0.1",
    "token and word": "train.py --hub-token {} --lr 0.1",
    "netrc": "machine example.com login ann password {}",
    "curl": "curl -s -u ann:{} https://example.com",
    "header": "Authorization: Token {}",
    "basic": "Proxy-Authorization: Basic {}",
    "bearer": "curl -H 'X-Auth: bearer {}'",
    "key header": "X-Api-Key: {}",
    "cookie": "Cookie: session={}; theme=dark",
    "environment": "export AWS_SECRET_ACCESS_KEY={}",
    "traceback": "ValueError: bad credentials: {}",
    "access token": "access_token={}",
    "private key": "-----BEGIN RSA PRIVATE " + "KEY-----\n{}\n-----END RSA PRIVATE " + "KEY-----",
    "private key of a person": "-----BEGIN PGP PRIVATE " + "KEY BLOCK-----\n\n{}\n-----END PGP PRIVATE " + "KEY BLOCK-----",
}

KEPT = """
pad_token=[PAD]
--pad-token <pad> --max-tokens 4096 --tokenizer bert-base-uncased-whole-word
tokens per second: 1234567890123456
the password is required, and the secret was not found
docker run -u 1000:1000 image
curl -u 1000:1000 https://example.com
login as root, then change the password
risk-averse sk-learn task-oriented asking-for-it-all-the-time
gsk_mode=relu gl-matrix-multiplication-kernels-of-all-kinds
https://example.com/a/b?page=2&sort=name#key
https://example.com:8080/a@b/c
git@example.com:team/repo.git
s3://bucket/key/part-0001.parquet
num_secret_words=5 use_password=False api_key=None
{'key': 0.5, 'token': 'ab', 'keys': ['a', 'b']}
sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
0b3f5a1c-9d8e-4f7a-b6c5-d4e3f2a1b0c9
12:30:45:AAA
-----BEGIN CERTIFICATE-----
r8_model_of_a_very_long_name_without_any_digits
session ended after 12 logins
basic usage, bearer of news, cookie jar
""".strip().splitlines()


SLOW = [
    "--password ",
    "--",
    "--a-",
    "curl ",
    "curl -u a",
    "login a ",
    "nvapi-",
    "password: '",
    'password: "',
    "1234567890:AA",
    "gl-",
    "://a@",
    "hvs.",
    "[{",
]


@pytest.mark.parametrize("piece", SLOW)
def test_the_time_is_linear(piece: str) -> None:
    """Of a text that is made to be slow; a quadratic rule would take an hour."""
    text = piece * ((1 << 19) // len(piece))
    began = time.thread_time()
    redacted_text(text)

    assert time.thread_time() - began < 8


def made_up(length: int = 24, letters: str = LETTERS) -> str:
    """Drawn anew by each run of the tests; with a digit, as such texts have."""
    return "".join(random.SystemRandom().choice(letters) for _ in range(length - 1)) + "7"


def forms() -> dict[str, tuple[str, str]]:
    """Texts with a secret, and the secret, both new with each call."""
    found = {}
    for prefix, (length, letters) in PREFIXED.items():
        secret = made_up(length, letters)
        found[prefix] = f"see {prefix}{secret} there", secret
    token = ".".join(("eyJ" + made_up(), "eyJ" + made_up(), made_up(40)))
    found["token of three parts"] = f"jwt {token}", token[-40:]
    for name, form in TEXTS.items():
        secret = made_up()
        found[name] = form.format(secret), secret
    return found


@pytest.mark.parametrize("form", forms())
def test_each_form_loses_its_secret(form: str) -> None:
    """Alone, between others, and a second time, which changes nothing."""
    text, secret = forms()[form]

    assert secret not in redacted_text(text)
    assert secret not in redacted_text(f"before\n{text}\nafter")
    assert redacted_text(redacted_text(text)) == redacted_text(text)


@pytest.mark.parametrize("text", KEPT)
def test_look_alikes_stay(text: str) -> None:
    """Or people would switch it all off."""
    assert redacted_text(text) == text
    assert redacted("note", text) == text


PROGRAM = """
import json, logging, sys
import runlake
from runlake import guard
places = json.load(open(sys.argv[1]))
guard.set_silent(False)
runlake.set_experiment("all of them")
for key, text in places["experiment tag"].items():
    runlake.set_experiment_tag(key, text)
runlake.create_experiment(places["experiment name"]["bearer"], tags=places["tag of a new experiment"])
with runlake.start_run(run_name=places["run name"]["query"], description="\\n".join(places["description"].values())) as run:
    runlake.log_params(places["param"])
    runlake.log_param("config", {"inner": [{"deep": text} for text in places["nested param"].values()]})
    runlake.set_tags(places["tag"])
    for key, text in places["data set"].items():
        frame = runlake.entities.Dataset(name=key, digest="1", source=text, schema=json.dumps({"note": text}))
        runlake.log_input(frame, "train", tags={"note": text})
for text in places["error"].values():
    try:
        with runlake.start_run():
            raise ValueError(text)
    except ValueError:
        pass
for form, text in places["log line"].items():
    with guard.guarded("doing", form):
        raise ValueError(text)
import toylib
runlake.autolog("leaking")
for text in places["capture"].values():
    toylib.train(text)
"""

LEAKING = """
def capture(call):
    call.run.log_param("a", 1)
    yield
    raise ValueError(call.args[0])

@hookimpl
def patches():
    return [Patch("toylib.core:train", capture, why="to leak")]
"""

PLACES = (
    "experiment tag",
    "tag of a new experiment",
    "experiment name",
    "run name",
    "description",
    "param",
    "nested param",
    "tag",
    "data set",
    "error",
    "log line",
    "capture",
)


def everything_read(store: Path) -> str:
    """What the readers of a store give, and every byte of its files."""
    opened = runlake.read.open_store(store)
    runs = [f"{run.info} {run.data} {run.inputs} {run.errors} {run.captures} {run.jobs}" for run in opened.runs()]
    files = "".join(path.read_bytes().decode("utf-8", "replace") for path in store.rglob("*") if path.is_file())
    return "\n".join(runs) + files


def test_no_place_keeps_a_secret(tmp_path: Path) -> None:
    """Each form in each place is another secret; the files are looked through as they are before anything is packed."""
    store, places = tmp_path / "lake", {place: forms() for place in PLACES}
    given = tmp_path / "places.json"
    given.write_text(json.dumps({place: {form: text for form, (text, _) in found.items()} for place, found in places.items()}))
    plugin = write_plugin(tmp_path / "plugin", "leaking", LEAKING)

    done = run_program(PROGRAM, store, str(given), PYTHONPATH=path_setting(plugin, *path_setting_of_toys()), RUNLAKE_JOBS="off")

    assert done.returncode == 0, done.stderr[-2000:]
    found = everything_read(store) + done.stdout + done.stderr
    assert [(place, form) for place, those in places.items() for form, (_, secret) in those.items() if secret in found] == []
    assert done.stderr.count("<redacted:") >= len(places["log line"])


def path_setting_of_toys() -> list[Path]:
    """The toy library, which the plugin is for."""
    return [Path(folder) for folder in path_setting().split(":")[:1]]


def test_a_job_that_fails_says_why_without_secrets(store: Path) -> None:
    """Whatever the error quotes."""
    found = forms()
    with runlake.start_run() as run:
        for form, (text, _) in found.items():
            run.note_job(Job(form, "summary", state=JobState.FAILED, why=f"ValueError: {text}"))
    runlake.flush()

    (read,) = runlake.read.open_store().runs()
    said = everything_read(store)
    assert len(read.jobs) == len(found)
    assert [form for form, (_, secret) in found.items() if secret in said] == []


def test_what_the_commands_print_holds_no_secret(tmp_path: Path) -> None:
    """They read the store, in which there is none."""
    found = forms()
    given = tmp_path / "given.json"
    given.write_text(json.dumps({form: text for form, (text, _) in found.items()}))
    program = "import json, sys, runlake\nwith runlake.start_run(run_name='x'):\n    runlake.log_params(json.load(open(sys.argv[1])))"
    run_program(program, tmp_path / "lake", str(given))

    printed = ""
    for command in (["show", "x"], ["show", "x", "--json"], ["ls", "--json"]):
        command_line = f"import sys; sys.argv = ['runlake', *{command!r}]; from runlake.cli import main; main()"
        printed += run_program(command_line, tmp_path / "lake").stdout

    assert printed.count("<redacted:") >= 2 * len(found)
    assert [form for form, (_, secret) in found.items() if secret in printed] == []


def test_a_data_set_stays_readable_without_its_secrets(store: Path) -> None:
    """Its schema is JSON inside JSON; quotes of either stay where they were."""
    schema = json.dumps({"columns": [{"name": "password", "type": "string"}], "note": 'Authorization: Bearer "abcdefgh', "api_key": "x y"})
    with runlake.start_run() as run:
        runlake.log_input(runlake.entities.Dataset("d", "1", source="https://a:bcdefgh@x", schema=schema), tags={"password": "swordfish"})

    (used,) = runlake.get_run(run.run_id).inputs.dataset_inputs
    assert used.dataset.source == "https://a:<redacted:url:7>@x"
    assert {tag.key: tag.value for tag in used.tags} == {"password": "<redacted:key:9>"}
    read = json.loads(used.dataset.schema)
    assert (read["columns"], read["api_key"]) == ([{"name": "password", "type": "string"}], "<redacted:key:3>")


def test_a_column_may_be_called_a_password(store: Path) -> None:
    """It is a name, and what is known of the column is no secret."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"password": ["a", "b"], "api_key": [1, 2], "auth_token": [0.5, 1.5]})

    with runlake.start_run() as run:
        runlake.log_input(runlake.data.from_pandas(frame, name="people"))

    (used,) = runlake.get_run(run.run_id).inputs.dataset_inputs
    assert [column["name"] for column in json.loads(used.dataset.schema)["columns"]] == ["password", "api_key", "auth_token"]


def test_a_log_line_keeps_its_traceback_where_there_is_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """What is said is changed only where it holds one."""
    secret = "hf_" + made_up(34)
    with caplog.at_level(logging.WARNING, "runlake"):
        for text in ("plain", secret):
            try:
                raise ValueError(text)
            except ValueError:
                guard.log.warning("it was %s", text, exc_info=True)

    plain, other = caplog.records
    assert (plain.getMessage(), plain.exc_info is not None) == ("it was plain", True)
    assert (other.getMessage(), other.exc_info) == ("it was <redacted:value:37>", None)
    assert "ValueError: <redacted:value:37>" in str(other.exc_text)


def test_experiments_can_keep_what_the_settings_allow(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As runs do; their names are found again under what was given."""
    name = "notes on hf_" + made_up(34)
    first = runlake.set_experiment(name)
    runlake.set_experiment_tags({"password": "swordfish", "max_tokens": 5})
    assert runlake.set_experiment(name) == runlake.set_experiment(experiment_id=first.experiment_id)
    tags = {each.name: each.tags for each in runlake.search_experiments()}
    assert tags["notes on <redacted:value:37>"] == {"password": "<redacted:key:9>", "max_tokens": "5"}

    monkeypatch.setenv("RUNLAKE_REDACT_ALLOW", "password")
    runlake.set_experiment_tag("password", "swordfish")
    assert {each.name: each.tags for each in runlake.search_experiments()}["notes on <redacted:value:37>"]["password"] == "swordfish"
