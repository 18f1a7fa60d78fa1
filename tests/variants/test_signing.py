"""A signature holds for one meaning of one URL, and for nothing else."""

import hmac
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import (
    DuplicateParameter,
    InvalidParameter,
    RequestError,
    SettingsError,
    SignatureExpired,
    SignatureMissing,
    SignatureOutOfScope,
    SignatureWrong,
)
from edge.variants import paths, signing
from edge.variants.decoding import decoded, pairs

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))
KEYS = signing.SigningKeys.of([("2026", "a good long secret"), ("2025", "an older, long secret")])
PATH = "sku/123 blue.jpg"
NOW = 1_800_000_000


def check(path, query, keys=KEYS, *, required=True, now=NOW):
    signing.verify(path, query, keys, required=required, now=now)


def _hmac(secret, text):
    return hmac.new(secret.encode(), text, "sha256").hexdigest()


@pytest.mark.parametrize("vector", VECTORS["signed"], ids=lambda v: v["name"])
class TestVectors:
    """vectors.json is what clients in other languages are tested with."""

    def test_a_client_signs_as_the_server_does(self, vector):
        keys = signing.SigningKeys.of([(vector["key_id"], vector["secret"])])
        query = signing.sign(vector["path"], vector["query"], keys, vector["expires"])
        assert paths.encoded(vector["path"]) + "?" + query == vector["url"]
        assert query.rpartition("&sig=")[2] == vector["signature"]

    def test_the_signed_text_is_the_one_written_down(self, vector):
        query = vector["url"].partition("?")[2].rpartition("&sig=")[0]
        parameters = [(decoded(name), decoded(value)) for name, value in pairs(query)]
        assert signing.message(vector["path"], parameters).decode() == vector["text"]

    def test_the_signature_is_plain_hmac_sha256_of_that_text(self, vector):
        assert _hmac(vector["secret"], vector["text"].encode()) == vector["signature"]

    def test_the_url_is_answered_until_it_expires(self, vector):
        keys = signing.SigningKeys.of([(vector["key_id"], vector["secret"])])
        raw_path, _, query = vector["url"].partition("?")
        check(paths.read(raw_path), query, keys, now=(vector["expires"] or NOW) - 1)
        if vector["expires"]:
            with pytest.raises(SignatureExpired):
                check(paths.read(raw_path), query, keys, now=vector["expires"])


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda v: v["name"])
def test_a_forged_url_is_refused(vector):
    keys = signing.SigningKeys.of([(VECTORS["key_id"], VECTORS["secret"])])
    raw_path, _, query = vector["url"].partition("?")
    with pytest.raises(RequestError) as refusal:
        check(paths.read(raw_path), query, keys)
    assert type(refusal.value).__name__ == vector["error"]


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda v: v["name"])
def test_another_spelling_of_the_same_request_is_answered(vector):
    keys = signing.SigningKeys.of([(VECTORS["key_id"], VECTORS["secret"])])
    raw_path, _, query = vector["url"].partition("?")
    check(paths.read(raw_path), query, keys)


class TestKeys:
    def test_the_first_key_signs_and_names_itself(self):
        assert "kid=2026&" in signing.sign(PATH, "w=5", KEYS)

    def test_every_key_verifies_so_that_keys_can_be_rotated(self):
        older = signing.SigningKeys(KEYS[1:])
        check(PATH, signing.sign(PATH, "w=5", older))

    def test_without_a_key_id_every_key_is_tried(self):
        for secret in ("a good long secret", "an older, long secret"):
            text = signing.message(PATH, [(b"w", b"5")])
            check(PATH, f"w=5&sig={_hmac(secret, text)}")

    def test_a_key_id_ties_the_signature_to_its_key(self):
        text = signing.message(PATH, [(b"kid", b"2026"), (b"w", b"5")])
        with pytest.raises(SignatureWrong):
            check(PATH, f"kid=2026&w=5&sig={_hmac('an older, long secret', text)}")

    def test_an_unknown_key_id_is_refused(self):
        query = signing.sign(PATH, "w=5", signing.SigningKeys.of([("2099", "a good long secret")]))
        with pytest.raises(SignatureWrong):
            check(PATH, query)

    def test_secrets_do_not_show(self):
        assert "secret" not in repr(KEYS)

    @pytest.mark.parametrize("ids", [("a", "a"), ("a b",), ("",), ("a&b",)])
    def test_key_ids_are_single_and_plain(self, ids):
        with pytest.raises(SettingsError):
            signing.SigningKeys.of((key_id, "a good long secret") for key_id in ids)

    def test_signing_without_a_key_says_what_to_set(self):
        with pytest.raises(SettingsError, match="EDGE_SIGNING_KEYS"):
            signing.sign(PATH, "w=5", signing.SigningKeys())


class TestWhenItIsAsked:
    def test_an_unsigned_url_is_refused_where_signing_is_required(self):
        for query in ("w=5", "", "w=5&sig=", "exp=1&kid=2026"):
            with pytest.raises(SignatureMissing):
                check(PATH, query)

    def test_an_unsigned_url_is_answered_where_it_is_not(self):
        check(PATH, "w=5&w=6&", required=False)

    def test_a_wrong_signature_is_refused_even_where_none_is_required(self):
        with pytest.raises(SignatureWrong):
            check(PATH, "w=5&sig=" + "0" * 64, required=False)

    def test_a_server_without_keys_looks_at_no_signature(self):
        check(PATH, "w=5&sig=" + "0" * 64, signing.SigningKeys(), required=False)

    def test_a_server_without_keys_that_requires_them_answers_nothing(self):
        with pytest.raises(SignatureWrong):
            check(PATH, "w=5&sig=" + "0" * 64, signing.SigningKeys())

    def test_a_right_signature_with_a_passed_expiry_has_expired(self):
        query = signing.sign(PATH, "w=5", KEYS, expires=NOW)
        check(PATH, query, now=NOW - 1)
        with pytest.raises(SignatureExpired):
            check(PATH, query, now=NOW)

    def test_a_postponed_expiry_is_a_wrong_signature(self):
        query = signing.sign(PATH, "w=5", KEYS, expires=NOW)
        with pytest.raises(SignatureWrong):
            check(PATH, query.replace(f"exp={NOW}", f"exp={NOW + 9}"), now=NOW + 1)


class TestSign:
    def test_signing_again_replaces_the_signature(self):
        once = signing.sign(PATH, "w=5", KEYS, expires=NOW)
        assert signing.sign(PATH, once, KEYS, expires=NOW) == once
        assert signing.sign(PATH, once, KEYS) == once

    def test_an_ambiguous_query_is_not_signed(self):
        for query in ("w=1&w=1", "w=1&width=2", "x=1&x=2"):
            with pytest.raises(DuplicateParameter):
                signing.sign(PATH, query, KEYS)
        with pytest.raises(InvalidParameter):
            signing.sign(PATH, "w=%00", KEYS)


names = st.sampled_from(["w", "h", "fmt", "bg", "dl", "utm_x", "x", "ä", "a=b", "a&b"])
values = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
queries = st.dictionaries(names, values, max_size=5).map(
    lambda words: "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in words.items())
)


@given(queries, st.integers(0, 10_000), st.integers(0x21, 0x7E), st.sampled_from("rid"))
def test_a_changed_character_breaks_the_signature_or_changes_no_meaning(query, at, code, how):
    signed = signing.sign(PATH, query, KEYS, expires=NOW + 60)
    at %= len(signed)
    middle = {"r": chr(code), "i": chr(code) + signed[at], "d": ""}[how]
    changed = signed[:at] + middle + signed[at + 1 :]
    try:
        check(PATH, changed)
    except RequestError:
        return
    assert _meaning(changed) == _meaning(signed)


@given(queries, st.text(min_size=1, max_size=5), st.integers(0, 100))
def test_a_changed_path_breaks_the_signature(query, text, at):
    signed = signing.sign(PATH, query, KEYS)
    changed = PATH[: at % len(PATH)] + text + PATH[at % len(PATH) :]
    with pytest.raises(SignatureWrong):
        check(changed.encode(errors="replace").decode(), signed)


@given(queries, names, values)
def test_a_changed_or_added_value_breaks_the_signature(query, name, value):
    signed = signing.sign(PATH, query, KEYS)
    body, _, signature = signed.rpartition("&sig=")
    words = dict(_meaning(body))
    if words.get(name.encode()) == value.encode():
        return
    words[name.encode()] = value.encode()
    forged = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in words.items())
    with pytest.raises(SignatureWrong):
        check(PATH, f"{forged}&sig={signature}")


@given(queries, st.randoms(use_true_random=False))
def test_the_order_of_parameters_does_not_matter(query, random):
    parts = signing.sign(PATH, query, KEYS).split("&")
    check(PATH, "&".join(random.sample(parts, len(parts))))


def _meaning(query):
    return sorted((decoded(name), decoded(value)) for name, value in pairs(query))


class TestScope:
    LONG = "a good long secret"

    def file(self, tmp_path, text):
        file = tmp_path / "keys.toml"
        file.write_text(text)
        return str(file)

    @pytest.mark.parametrize(
        ("path", "preset", "may"),
        [
            ("sku/1.jpg", "thumb", True),
            ("sku/deep/1.jpg", "thumb", True),
            ("sku", "thumb", True),
            ("skunk/1.jpg", "thumb", False),
            ("other/sku/1.jpg", "thumb", False),
            ("sku/1.jpg", "", False),
            ("sku/1.jpg", "amazon", False),
        ],
    )
    def test_a_key_signs_below_its_paths_and_for_its_presets_only(self, path, preset, may):
        key = signing.Key("shop", self.LONG, ("sku",), ("thumb",))
        assert key.may_sign(path, preset) is may
        if may:
            signing.check_scope((key,), path, preset)
        else:
            with pytest.raises(SignatureOutOfScope):
                signing.check_scope((key,), path, preset)

    def test_what_is_not_signed_has_no_scope(self):
        signing.check_scope((), "sku/1.jpg", "amazon")

    def test_keys_of_a_file_come_behind_those_of_the_setting(self, tmp_path):
        file = self.file(
            tmp_path,
            f'[[key]]\nid = "all"\nsecret = "{self.LONG}"\n'
            f'[[key]]\nid = "shop"\nsecret = "{self.LONG}"\npaths = ["/sku/"]\npresets = ["Thumb"]',
        )
        keys = signing.SigningKeys.of([("env", self.LONG)], file)
        assert [key.id for key in keys] == ["env", "all", "shop"]
        assert (keys[2].paths, keys[2].presets) == (("sku",), ("thumb",))
        assert verified(keys, "shop") == (keys[2],)

    @pytest.mark.parametrize(
        "row",
        [
            'secret = "a good long secret"',
            'id = "a"\nsecret = "fifteen bytes.."',
            'id = "a"\nsecret = "a good long secret"\npaths = []',
            'id = "a"\nsecret = "a good long secret"\npaths = ["/"]',
            'id = "a"\nsecret = "a good long secret"\npresets = [""]',
            'id = "a"\nsecret = "a good long secret"\npresets = "thumb"',
            'id = "a"\nsecret = "a good long secret"\npath = ["/sku"]',
        ],
    )
    def test_a_wrong_row_is_refused_and_repeats_no_secret(self, tmp_path, row):
        with pytest.raises(SettingsError) as refusal:
            signing.SigningKeys.of([], self.file(tmp_path, f"[[key]]\n{row}\n"))
        assert "good long" not in refusal.value.detail

    def test_a_secret_has_sixteen_bytes(self):
        signing.Key("a", "ä" * 8)
        with pytest.raises(SettingsError, match="16 bytes") as refusal:
            signing.Key("a", "fifteen bytes..")
        assert "fifteen" not in refusal.value.detail


def verified(keys, key_id):
    query = signing.sign(PATH, "w=5", signing.SigningKeys(keys.named(key_id)))
    return signing.verify(PATH, query, keys, required=True, now=NOW)


@pytest.mark.parametrize(
    "path",
    [
        "100%baumwolle.jpg",
        "sale%20shirt.jpg",
        "S:42.jpg",
        "a+b#c?d=e&f.jpg",
        "Gro\u0308\u00dfe 1.jpg",
    ],
    ids=ascii,
)
def test_a_name_of_any_characters_is_signed_as_it_is(path):
    """The path that is signed is the one whose original is served, letter for letter."""
    query = signing.sign(path, "w=80", KEYS)
    check(paths.read(paths.encoded(path)), query)
    for other in (
        path.replace("%", "%25"),
        path.replace("+", " "),
        path.replace("o\u0308", "\u00f6"),
    ):
        if other != path:
            with pytest.raises(SignatureWrong):
                check(paths.read(paths.encoded(other)), query)
