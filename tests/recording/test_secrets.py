"""No secret reaches the store, in whatever form and place; what merely looks like one does; and the time is linear."""

from __future__ import annotations

import random
import string
import time
from pathlib import Path

import pytest

import runlake
from children import run_program
from runlake.redaction import redacted, redacted_arguments, redacted_text

LETTERS = string.ascii_letters + string.digits


def made_up(length: int, letters: str = LETTERS) -> str:
    """Drawn anew by each run of the tests, so that nothing can be matched by heart."""
    return "".join(random.SystemRandom().choice(letters) for _ in range(length))


def tokens() -> dict[str, str]:
    """Tokens of well-known forms."""
    upper = string.ascii_uppercase + string.digits
    prefixed = {"sk-": 32, "sk-proj-": 40, "sk_live_": 24, "rk_test_": 24, "hf_": 34, "ghp_": 36, "gho_": 36, "ghs_": 36, "github_pat_": 40}
    prefixed |= {"glpat-": 20, "npm_": 36, "AIza": 35, "xoxb-": 24, "xoxp-": 30, "ya29.": 40, "dop_v1_": 40, "pypi-AgEI": 60}
    found = {prefix: prefix + made_up(n, "0123456789abcdef" if prefix == "dop_v1_" else LETTERS) for prefix, n in prefixed.items()}
    found |= {prefix: prefix + made_up(16, upper) for prefix in ("AKIA", "ASIA")}
    found["jwt"] = f"eyJ{made_up(20)}.eyJ{made_up(30)}.{made_up(40)}"
    found["SG."] = f"SG.{made_up(22)}.{made_up(43)}"
    return found


def sentences() -> dict[str, tuple[str, str]]:
    """Texts that hold a secret of no form of its own, and the secret."""
    forms = {
        "url": "https://ann:{}@example.com/repo.git",
        "url of a token": "https://{}@example.com/repo.git",
        "database": "postgresql://ann:{}@db:5432/x",
        "query": "https://example.com/x?a=1&api_key={}&b=2",
        "signed": "https://b.example.com/x?X-Amz-Signature={}",
        "connection": "Server=tcp:x;User=ann;Password={};Encrypt=yes",
        "storage": "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={};",
        "json": '{{"lr": 0.1, "db": {{"password": "{}"}}}}',
        "repr": "Client(url='x', api_key='{}', retries=3)",
        "yaml": "user: ann\npasswd: {}\n",
        "option": "train.py --secret={} --lr 0.1",
        "header": "Authorization: Token {}",
        "bearer": "curl -H 'X-Auth: bearer {}'",
        "cookie": "Cookie: session={}; theme=dark",
        "environment": "export AWS_SECRET_ACCESS_KEY={}",
        "traceback": "ValueError: bad credentials: {}",
        "access token": "access_token={}",
    }
    found = {}
    for name, form in forms.items():
        secret = made_up(24)
        found[name] = (form.format(secret), secret)
    secret = "\n".join(made_up(64) for _ in range(3))
    found["pem"] = (f"x = '''-----BEGIN RSA PRIVATE KEY-----\n{secret}\n-----END RSA PRIVATE KEY-----'''", secret.partition("\n")[0])
    return found


NAMES = """
password db_password PASSWORD userPasswd secret client_secret api_key apiKey API-KEY openai.api_key access_key private_key
credentials authorization session_cookie auth.bearer aws_secret_access_key
session_id hf_token accessToken auth-token pwd passphrase
""".split()

KEPT = {
    "pad_token": "[PAD]",
    "eos_token": "<|endoftext|>",
    "eos_token_id": "50256",
    "bos_token_id": "1",
    "use_cls_token": "True",
    "num_memory_tokens": "16",
    "max_tokens": "4096",
    "tokenizer": "bert-base-uncased-whole-word-masking",
    "tokenizer_name": "sentence-transformers/all-MiniLM-L6-v2",
    "token_dropout": "0.1",
    "token": "cls",
    "keyframe": "12",
    "sort_key": "start_time",
    "primary_key": "customer_number",
    "keys": "['a', 'b']",
    "monkey": "see monkey do",
    "secretary": "Ms Smith of the second floor",
    "passes": "3",
    "bypass": "everything that is there",
    "sha": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "id": "01a2012120cc76818628bf3e03e3c0de",
    "model": "gpt-sk-learn-compatible-regressor",
    "note": "the basic idea is a bearer of good news: more tokens, no passwords needed",
    "url": "https://example.com/a/b?page=2&sort=name#key",
    "remote": "git@example.com:team/repo.git",
    "score": "{'key': 0.5, 'token': 'ab'}",
    "num_secret_words": "5",
    "use_password": "False",
}


@pytest.mark.parametrize(("name", "text"), KEPT.items())
def test_what_merely_looks_like_a_secret_stays(name: str, text: str) -> None:
    """Or people would switch it all off."""
    assert redacted(name, text) == text


@pytest.mark.parametrize("name", NAMES)
def test_what_is_called_a_secret_goes(name: str) -> None:
    """How long it was is said, and by which rule it went."""
    assert redacted(name, secret := made_up(20)) == "<redacted:key:20>", secret


@pytest.mark.parametrize("place", ["{}", "text {} more", "'{}'", "key={}", "({})", "a\n{}\nb", "http://x/{}"])
def test_tokens_of_well_known_forms_go_wherever_they_stand(place: str) -> None:
    """And the text around them stays."""
    before, _, after = place.partition("{}")
    for form, token in tokens().items():
        found = redacted_text(place.format(token))
        assert token[8:] not in found, form
        assert found.startswith(before), form
        assert found.endswith(after), form


@pytest.mark.parametrize("form", sentences())
def test_texts_lose_their_secrets_only(form: str) -> None:
    """What comes before and after is as it was."""
    text, secret = sentences()[form]
    found = redacted_text(text)

    assert secret not in found
    assert "<redacted:" in found
    assert found[:5] == text[:5]


def test_a_command_line_loses_what_comes_after_an_option() -> None:
    """Joined or not."""
    given = ["train.py", "--password", "open sesame", "--lr", "0.1", "--api-key=abcd", "-v", "--token", made_up(30), "s3://b/x"]

    assert redacted_arguments(given) == [
        "train.py", "--password", "<redacted:key:11>", "--lr", "0.1", "--api-key=<redacted:key:4>", "-v", "--token", "<redacted:key:30>", "s3://b/x",
    ]  # fmt: skip


def test_what_is_redacted_stays_so() -> None:
    """Once more changes nothing."""
    for text, _ in sentences().values():
        once = redacted_text(text)
        assert redacted_text(once) == once


@pytest.mark.parametrize(
    "piece",
    ["eyJ", "sk-", "://", "://a:", "password", "password=", "password  ", "-----BEGIN PRIVATE KEY-----", "a", "_", "bearer ", "?token",
     "authorization:",
     "key-", "SG.", "?a_", "cookie: ", "secret_", "AKIA", "\n", '"api_key": "'],
)  # fmt: skip
def test_the_time_is_linear(piece: str) -> None:
    """Of a text that is made to be slow; a quadratic rule would take an hour."""
    text = piece * ((1 << 20) // len(piece))
    began = time.thread_time()
    redacted_text(text)
    redacted(text, text)

    assert time.thread_time() - began < 15


PROGRAM = """
import runlake, sys, toylib
secrets = iter(sys.argv[1:])
class Client:
    def __repr__(self):
        return f"Client(api_key='{next(secrets)}')"
try:
    with runlake.start_run(tags={"auth_token": next(secrets)}, description=f"see https://ann:{next(secrets)}@example.com") as run:
        runlake.log_params({"db.password": next(secrets), "config": {"hub": {"secret": next(secrets)}}, "client": Client()})
        runlake.set_tag("remote", f"https://{next(secrets)}@example.com/x.git")
        raise ValueError(f"no such key: hf_{next(secrets)}")
except ValueError:
    pass
"""


def test_nothing_of_a_run_holds_a_secret(tmp_path: Path) -> None:
    """Every file of the store is looked through, of a program that has them in its params, tags, descriptions, objects and errors."""
    secrets = [made_up(30) for _ in range(7)]
    done = run_program(PROGRAM.replace(", toylib", ""), tmp_path / "lake", *secrets)
    assert done.stderr == ""

    written = b"".join(path.read_bytes() for path in (tmp_path / "lake").rglob("*") if path.is_file())
    (run,) = runlake.read.open_store(tmp_path / "lake").runs()
    assert run.params["db.password"] == "<redacted:key:30>"
    assert str(run.params["config"]) == "{'hub': {'secret': '<redacted:named:30>'}}"
    assert [secret for secret in secrets if secret.encode() in written] == []


def test_it_can_be_switched_off_which_the_run_says(tmp_path: Path) -> None:
    """For all, or for one name."""
    program = "import runlake\nwith runlake.start_run() as run:\n    runlake.log_params({'password': 'swordfish', 'secret': 'whisper'})"
    run_program(program, tmp_path / "off", RUNLAKE_REDACT="0")
    run_program(program, tmp_path / "some", RUNLAKE_REDACT_ALLOW="secret")

    (off,) = runlake.read.open_store(tmp_path / "off").runs()
    (some,) = runlake.read.open_store(tmp_path / "some").runs()
    assert (off.params["password"], off.tags["runlake.redaction"]) == ("swordfish", "off")
    assert (some.params["password"], some.params["secret"]) == ("<redacted:key:9>", "whisper")
    assert "runlake.redaction" not in some.tags


def test_a_number_may_be_a_secret_too(store: Path) -> None:
    """It is not kept beside the text either."""
    with runlake.start_run() as run:
        runlake.log_params({"db_password": 31415926, "max_tokens": 512})

    assert runlake.get_run(run.run_id).data.params == {"db_password": "<redacted:key:8>", "max_tokens": "512"}


def test_a_run_that_goes_on_takes_the_same_secret_again(store: Path) -> None:
    """Though all that it knows of the first is how long it was; and what it says of another does not hold it."""
    with runlake.start_run() as run:
        runlake.log_param("password", "swordfish")
    runlake.flush()

    with runlake.start_run(run_id=run.run_id):
        runlake.log_param("password", "swordfish")
        with pytest.raises(runlake.InvalidValue, match="<redacted:key:6>") as raised:
            runlake.log_param("password", "sesame")

    assert "sesame" not in str(raised.value)
    assert runlake.get_run(run.run_id).params["password"] == "<redacted:key:9>"
