"""URIs and their passwords."""

from __future__ import annotations

import pytest

from engine.uris import (
    hide_password,
    hide_passwords,
    password_of,
    secrets_of,
    without_credentials,
)


@pytest.mark.parametrize(
    "text",
    [
        "no URI: a@b, 10:30, x://y",
        "https://host:8443/path",
        "postgresql://ada@host/db",
        "sqlite:///a.db",
        "https://host:8443/a@b.csv",
        "abfs://container@account.dfs.core.windows.net/t.csv",
        "s3://bucket/sign=1/t.csv?signal=1&monkey=2",
    ],
)
def test_texts_without_passwords_stay_as_they_are(text):
    assert hide_passwords(text) == text
    assert hide_password(text) == text
    assert secrets_of(text) == ()


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://bob:SECRET@host/x", "https://bob:***@host/x"),
        ("postgresql+psycopg2://bob:SE/CR@ET@db:5432/m", "postgresql+psycopg2://bob:***@db:5432/m"),
        ("https://:SECRET@host", "https://:***@host"),
        ("s3://AKIA1:SE/CR+ET@bucket/t.csv", "s3://AKIA1:***@bucket/t.csv"),
        ("https://host/t.csv?se=1&sig=SECRET%3D", "https://host/t.csv?se=1&sig=***"),
        (
            "https://b/t.csv?X-Amz-Date=1&X-Amz-Signature=SECRET&X-Amz-Credential=SECRET",
            "https://b/t.csv?X-Amz-Date=1&X-Amz-Signature=***&X-Amz-Credential=***",
        ),
        ("https://host/t.csv?account_key=SECRET", "https://host/t.csv?account_key=***"),
        ("postgresql://db/m?password=SECRET&user=bob", "postgresql://db/m?password=***&user=bob"),
    ],
)
def test_the_password_of_a_uri(uri, shown):
    assert hide_password(uri) == shown
    assert hide_password(shown) == shown
    assert secrets_of(uri)
    assert all("SE" in secret for secret in secrets_of(uri))


@pytest.mark.parametrize(
    ("uri", "password", "shown", "bare"),
    [
        ("http://a:s3cret@h:1/p", "s3cret", "http://a:***@h:1/p", "http://h:1/p"),
        ("postgresql://a:p%40ss@h/d", "p%40ss", "postgresql://a:***@h/d", "postgresql://h/d"),
        ("http://a:b@c@h/p", "b@c", "http://a:***@h/p", "http://h/p"),
        ("http://token@h", "", "http://token@h", "http://h"),
        ("sqlite:////data/a:b@c/m.db", "", "sqlite:////data/a:b@c/m.db", None),
        ("", "", "", ""),
    ],
)
def test_the_parts_of_a_uri(uri, password, shown, bare):
    assert password_of(uri) == password
    assert hide_password(uri) == shown
    if bare is not None:
        assert without_credentials(uri) == bare


@pytest.mark.parametrize(
    ("uri", "shown"),
    [("https://bob:SECRET@host:1/x", "https://host:1/x"), ("http://host/a@b", "http://host/a@b")],
)
def test_addresses_for_others(uri, shown):
    assert without_credentials(uri) == shown
