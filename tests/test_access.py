"""Tokens have roles, come from a setting and a file, and can be exchanged while the server runs."""

import pytest

from edge import access
from edge.access import Role, Token
from edge.errors import SettingsError
from edge.watched import Watched

LONG = "a-token-that-nobody-guesses"


def written(tmp_path, text):
    file = tmp_path / "tokens.toml"
    file.write_text(text)
    return str(file)


def test_the_setting_has_every_role_and_those_of_the_file_their_own(tmp_path):
    file = written(
        tmp_path,
        f'[[token]]\nname = "grafana"\ntoken = "{LONG}"\nroles = ["metrics"]\n'
        f'[[token]]\nname = "studio"\ntoken = "{LONG}-2"\nroles = ["jobs", "review"]\n',
    )
    held = access.tokens(f"{LONG}-0", file)
    assert {token.name: token.roles for token in held} == {
        "EDGE_ADMIN_TOKEN": set(Role),
        "grafana": {Role.METRICS},
        "studio": {Role.JOBS, Role.REVIEW},
    }
    assert access.find(held, f"{LONG}-2".encode()).name == "studio"
    assert access.find(held, b"") is None
    assert access.find(held, LONG[:-1].encode()) is None


def test_without_any_there_is_none():
    assert access.tokens("", "") == ()


def test_a_token_does_not_show():
    assert LONG not in repr(Token.of("a", LONG))
    assert LONG.encode() not in Token.of("a", LONG).digest


ROW = '[[token]]\nname = "a"\ntoken = "{token}"\nroles = {roles}\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ROW.format(token="x" * 15, roles='["purge"]'), "16 bytes"),
        (ROW.format(token=LONG, roles='["cook"]'), "cook"),
        (ROW.format(token=LONG, roles="[]"), "roles"),
        (ROW.format(token=LONG, roles='"purge"'), "a list of texts"),
        (ROW.format(token=LONG, roles="[1]"), "a list of texts"),
        (ROW.format(token=LONG, roles='["purge"]') * 2, "twice"),
        (f'[[token]]\nname = "a"\ntoken = "{LONG}"\n', "number 1"),
        (f'[[tokens]]\nname = "a"\ntoken = "{LONG}"\nroles = ["purge"]\n', "tokens"),
        (f'token = "{LONG}"', "token"),
        (f"token {LONG}", "no TOML"),
    ],
)
def test_a_wrong_file_is_refused_and_repeats_no_token(tmp_path, text, told):
    with pytest.raises(SettingsError) as refusal:
        access.tokens("", written(tmp_path, text))
    assert told in refusal.value.detail
    assert LONG not in refusal.value.detail


def test_a_file_that_is_not_there_and_a_short_setting_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        access.tokens("", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="16 bytes"):
        access.tokens("short", "")


async def test_an_exchanged_file_counts_and_a_broken_one_changes_nothing(tmp_path):
    file = tmp_path / "value"
    file.write_text("first")

    def load():
        if not file.exists() or file.read_text() == "broken":
            raise SettingsError("it is broken")
        return file.read_text()

    told = []
    watched = Watched(load, str(file))
    watched.on_change = lambda: told.append(watched.value)
    await watched.refresh()
    assert (watched.value, told) == ("first", [])
    for text in ("second", "broken", "third one", None):
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        await watched.refresh()
    assert (watched.value, told) == ("third one", ["second", "third one"])
