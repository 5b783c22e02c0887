"""Settings: where they come from, what is refused, and what is never shown."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import pytest

from node import settings
from node.settings import NOT_SETTINGS, SECRET_SETTINGS, Settings, SettingsError

ORIGIN = {"FOLKMOOT_ORIGIN": "https://moot.example"}


def load(environment: dict[str, str] | None = None, file: Path | None = None, **given: object) -> Settings:
    return settings.load(ORIGIN if environment is None else environment, file, **given)


def written(folder: Path, words: str) -> Path:
    file = folder / "folkmoot.toml"
    file.write_text(words, encoding="utf-8")
    return file


# ------------------------------------------------------------------ where they come from


def test_a_node_needs_nothing_but_its_origin() -> None:
    found = load()

    assert found.origin == "https://moot.example"
    assert (found.authority, found.scheme) == ("moot.example", "https")
    assert (found.listen_host, found.listen_port) == ("127.0.0.1", 8080)
    assert found.database == f"sqlite:///{Path('var/folkmoot.sqlite3').absolute()}"


def test_without_an_origin_there_is_no_node() -> None:
    with pytest.raises(SettingsError, match="FOLKMOOT_ORIGIN"):
        load({})


def test_a_file_is_read_as_toml(tmp_path: Path) -> None:
    file = written(tmp_path, 'origin = "https://coop.example"\nname = "Coop"\ndevelopment = false\ndev_peers = []\n')

    found = load({}, file)

    assert (found.origin, found.name, found.development) == ("https://coop.example", "Coop", False)


def test_the_file_may_be_named_in_the_environment(tmp_path: Path) -> None:
    file = written(tmp_path, 'origin = "https://coop.example"\n')

    assert load({"FOLKMOOT_CONFIG": str(file)}).origin == "https://coop.example"


def test_what_is_given_comes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, 'origin = "https://file.example"\nname = "file"\nlanguage = "de"\n')
    environment = {"FOLKMOOT_ORIGIN": "https://environment.example", "FOLKMOOT_NAME": "environment"}

    found = load(environment, file, name="given")

    assert (found.origin, found.name, found.language) == ("https://environment.example", "given", "de")


def test_other_peoples_variables_are_none_of_our_business() -> None:
    assert load({**ORIGIN, "ORIGIN": "x", "NAME": "x", "MY_FOLKMOOT_NAME": "x", "HOME": "/root"}).name == "Folkmoot"


@pytest.mark.parametrize("name", sorted(NOT_SETTINGS - {"config"}))
def test_variables_of_tests_and_packaging_share_the_prefix_and_are_no_settings(name: str) -> None:
    assert load({**ORIGIN, f"FOLKMOOT_{name.upper()}": "anything"}).origin == "https://moot.example"


def test_the_environment_of_the_process_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("FOLKMOOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FOLKMOOT_ORIGIN", "https://process.example")

    assert settings.load().origin == "https://process.example"


# ------------------------------------------------------------------ what is refused


def test_an_unknown_variable_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"unknown setting FOLKMOOT_ORIGN; there are .*origin"):
        load({**ORIGIN, "FOLKMOOT_ORIGN": "https://typo.example"})


def test_an_unknown_key_in_the_file_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, 'origin = "https://moot.example"\nport = 80\n')

    with pytest.raises(SettingsError, match=r"unknown setting port in .*folkmoot\.toml"):
        load({}, file)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read"):
        load(ORIGIN, tmp_path / "nothing.toml")


@pytest.mark.parametrize("words", [b"origin = https://moot.example", b"\xff\xfe", b"[unclosed"])
def test_a_file_that_is_not_toml_is_an_error(tmp_path: Path, words: bytes) -> None:
    file = tmp_path / "folkmoot.toml"
    file.write_bytes(words)

    with pytest.raises(SettingsError, match="is not TOML"):
        load({}, file)


@pytest.mark.parametrize(
    "origin",
    [
        "moot.example",
        "ftp://moot.example",
        "https://",
        "https://moot.example/forum",
        "https://moot.example?x=1",
        "https://moot.example#x",
        "https://ana@moot.example",
        "https://ana:secret@moot.example",
        "https://moot.example:abc",
        "https://moot.example:99999",
    ],
)
def test_an_origin_is_scheme_and_host_and_nothing_else(origin: str) -> None:
    with pytest.raises(SettingsError, match="is not an address such as"):
        load({"FOLKMOOT_ORIGIN": origin})


@pytest.mark.parametrize(
    ("origin", "meant"),
    [
        ("https://moot.example/", "https://moot.example"),
        (" HTTPS://Moot.Example ", "https://moot.example"),
        ("https://moot.example:443", "https://moot.example"),
    ],
)
def test_an_origin_is_kept_in_its_one_form(origin: str, meant: str) -> None:
    assert load({"FOLKMOOT_ORIGIN": origin}).origin == meant


def test_a_public_node_is_reached_by_https_alone() -> None:
    with pytest.raises(SettingsError, match="must be https"):
        load({"FOLKMOOT_ORIGIN": "http://moot.example"})


def test_a_public_node_has_no_port_in_its_origin() -> None:
    with pytest.raises(SettingsError, match="has a port"):
        load({"FOLKMOOT_ORIGIN": "https://moot.example:8443"})


def test_in_development_a_node_may_have_http_and_a_port() -> None:
    found = load({"FOLKMOOT_ORIGIN": "http://127.0.0.1:8080", "FOLKMOOT_DEVELOPMENT": "true"})

    assert (found.origin, found.authority) == ("http://127.0.0.1:8080", "127.0.0.1:8080")


def test_peers_on_this_machine_are_named_one_by_one(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        'origin = "http://127.0.0.1:8080"\ndevelopment = true\ndev_peers = ["127.0.0.1:4101", "[::1]:4102"]\n',
    )

    assert load({}, file).dev_peers == {"127.0.0.1:4101", "[::1]:4102"}
    listed = {**ORIGIN, "FOLKMOOT_DEVELOPMENT": "1", "FOLKMOOT_DEV_PEERS": "127.0.0.1:4101, 127.0.0.2:4102,"}
    assert load(listed).dev_peers == {"127.0.0.1:4101", "127.0.0.2:4102"}


@pytest.mark.parametrize("peer", ["10.0.0.1:80", "169.254.169.254:80", "localhost:80", "127.0.0.1", "coop.example:80"])
def test_a_development_peer_is_on_loopback_or_it_is_none(peer: str) -> None:
    """SSR-01: the switch opens loopback, never the network that the machine stands in."""
    with pytest.raises(SettingsError, match="loopback"):
        load({**ORIGIN, "FOLKMOOT_DEVELOPMENT": "true", "FOLKMOOT_DEV_PEERS": peer})


def test_a_node_in_production_has_no_development_peers() -> None:
    with pytest.raises(SettingsError, match="dev_peers needs development"):
        load({**ORIGIN, "FOLKMOOT_DEV_PEERS": "127.0.0.1:4101"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEVELOPMENT", "maybe"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("LISTEN", "8080"),
        ("LISTEN", ":8080"),
        ("LISTEN", "127.0.0.1:http"),
        ("LISTEN", "127.0.0.1:65536"),
        ("SOURCE_URL", "javascript:alert(1)"),
        ("SOURCE_URL", "code.example/our-moot"),
        ("SOURCE_URL", "https://ana:word@code.example/"),
        ("SOURCE_URL", "http://["),
        ("SOURCE_URL", ""),
        ("SMTP_URL", "mail.example"),
        ("SMTP_URL", "https://mail.example"),
        ("SMTP_URL", "smtp://"),
        ("SMTP_URL", "smtp://mail.example:x"),
        ("SMTP_URL", "smtp://mail.example/inbox"),
        ("SMTP_URL", "smtp://ana@mail.example"),
        ("SMTP_URL", "smtp://mail.example?starttls=maybe"),
        ("SMTP_URL", "smtp://mail.example?starttls=no"),
        ("SMTP_URL", "smtps://127.0.0.1?starttls=no"),
        ("METRICS_LISTEN", "9464"),
        ("METRICS_TOKEN", "short"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "Mill Lane <noreply>"),
        ("MAIL_FROM", "Mill Lane <noreply@moot.example> x"),
        ("MAIL_FROM", "noreply@moot.example\r\nBcc: eve@evil.example"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_the_name_of_its_setting(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name.lower()):
        load({**ORIGIN, f"FOLKMOOT_{name}": value})


@pytest.mark.parametrize(("value", "meant"), [("1", True), ("yes", True), ("ON", True), ("0", False), ("off", False)])
def test_a_switch_is_said_in_words(value: str, *, meant: bool) -> None:
    assert load({**ORIGIN, "FOLKMOOT_DEVELOPMENT": value}).development is meant


# ------------------------------------------------------------------ what they mean


def test_the_data_folder_holds_the_database() -> None:
    assert load({**ORIGIN, "FOLKMOOT_DATA": "/srv/moot"}).database == "sqlite:////srv/moot/folkmoot.sqlite3"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_postgresql_address_is_opened_by_psycopg(scheme: str) -> None:
    found = load({**ORIGIN, "FOLKMOOT_DATABASE_URL": f"{scheme}://moot:word@db.example/moot"})

    assert found.database == "postgresql+psycopg://moot:word@db.example/moot"


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        (
            "smtps://moot%40moot.example:p%2Fw@mail.example",
            ("mail.example", 465, "tls", "moot@moot.example", "p/w"),
        ),
        ("smtp://mail.example", ("mail.example", 587, "starttls", "", "")),
        ("smtp://mail.example:2525/", ("mail.example", 2525, "starttls", "", "")),
        ("smtp://localhost?starttls=no", ("localhost", 25, "none", "", "")),
        ("smtp://[::1]:1025?starttls=no", ("::1", 1025, "none", "", "")),
    ],
)
def test_mail_is_encrypted_unless_its_server_is_on_this_machine(url: str, meant: tuple[object, ...]) -> None:
    smtp = load({**ORIGIN, "FOLKMOOT_SMTP_URL": url}).smtp

    assert smtp is not None
    assert (smtp.host, smtp.port, smtp.encryption, smtp.user, smtp.password) == meant
    assert "p/w" not in repr(smtp)


def test_in_development_mail_may_go_in_the_clear() -> None:
    environment = {**ORIGIN, "FOLKMOOT_DEVELOPMENT": "1", "FOLKMOOT_SMTP_URL": "smtp://mailpit:1025?starttls=no"}
    smtp = load(environment).smtp

    assert smtp is not None
    assert smtp.encryption == "none"


@pytest.mark.parametrize("sender", ["noreply@moot.example", "Mill Lane <noreply@moot.example>"])
def test_a_sender_is_an_address_with_or_without_a_name(sender: str) -> None:
    assert load({**ORIGIN, "FOLKMOOT_MAIL_FROM": sender}).mail_from == sender


def test_an_ipv6_address_is_listened_on_without_its_brackets() -> None:
    found = load({**ORIGIN, "FOLKMOOT_LISTEN": "[::1]:8080"})

    assert (found.listen_host, found.listen_port) == ("::1", 8080)


# ------------------------------------------------------------------ what is never shown


def test_settings_that_may_hold_a_secret_are_known_by_name() -> None:
    """KEY-22: whatever prints settings hides these."""
    assert {"secret", "database_url", "smtp_url", "metrics_token"} == SECRET_SETTINGS
    assert {setting.name for setting in fields(Settings)} >= SECRET_SETTINGS


def test_no_secret_is_in_the_words_of_a_refusal() -> None:
    environment = {**ORIGIN, "FOLKMOOT_SECRET": "hush-hush", "FOLKMOOT_DATABASE_URL": "postgresql://a:hush-hush@b/c"}

    for wrong in (
        {"FOLKMOOT_SMTP_URL": "smtp://ana:hush-hush@mail.example/x"},
        {"FOLKMOOT_LISTEN": "x"},
        {"FOLKMOOT_NONE": "x"},
        {"FOLKMOOT_ORIGIN": "http://a.example"},
    ):
        with pytest.raises(SettingsError) as refusal:
            load({**environment, **wrong})
        assert "hush-hush" not in str(refusal.value)


def test_every_setting_says_what_it_is() -> None:
    assert [setting.name for setting in fields(Settings) if not setting.metadata.get("says")] == []


def test_whom_to_tell_of_a_hole_is_an_address_that_leads_there() -> None:
    """WEB-28"""
    for contact in ("sec@moot.example", "mailto:sec@moot.example", "https://moot.example/holes"):
        assert load(security_contact=contact).security_contact == contact
    for contact in ("ask around", "http://moot.example/", "javascript:alert(1)", "a@b.example\nExpires: never"):
        with pytest.raises(SettingsError, match="security_contact"):
            load(security_contact=contact)
