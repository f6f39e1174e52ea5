"""Mail, to a real SMTP server: encrypted, with a login, refused."""

from __future__ import annotations

from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from integrations.mail import MailError, MailServer, send
from integrations.probes import probe_mail
from sandbox.kube.tls import self_signed
from tests.postbox import Postbox

LOGIN = ("onprem", "mail-password-of-this-test")


def message(to: str = "ops@example.com") -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Hello", "onprem@example.com", to
    mail.set_content("Grüße\n.\nA line with one dot is no end.\n")
    return mail


def plain(postbox: Postbox) -> MailServer:
    return MailServer("127.0.0.1", postbox.port, "none")


async def test_a_mail_arrives_as_it_was_written() -> None:
    async with Postbox() as postbox:
        await send(plain(postbox), message())
        mail = await postbox.next()
    assert mail["Subject"] == "Hello"
    assert str(mail.get_content()).splitlines() == [
        "Grüße",
        ".",
        "A line with one dot is no end.",
    ]


async def test_starttls_with_a_login_and_a_certificate_of_ones_own(tmp_path: Path) -> None:
    pair = self_signed("postbox")
    trusted = tmp_path / "ca.pem"
    trusted.write_text(pair.certificate_pem)
    async with Postbox(LOGIN, pair.server_context()) as postbox:
        server = MailServer("127.0.0.1", postbox.port, "starttls", *LOGIN, trusted)
        await send(server, message())
        assert (await postbox.next())["Subject"] == "Hello"
        assert (await probe_mail(server)).ok
        probe = await probe_mail(replace(server, password="wrong"))
        assert not probe.ok
        assert "refuses the login" in probe.message
        with pytest.raises(MailError, match="refuses the login") as refused:
            await send(replace(server, password="wrong"), message())
        assert "wrong" not in f"{refused.value} {refused.value.detail}"
        with pytest.raises(MailError, match="127"):
            await send(replace(server, ca_file=None), message())
        with pytest.raises(MailError):
            await send(replace(server, ca_file=tmp_path / "none.pem"), message())
        assert postbox.mails.empty()


async def test_starttls_is_demanded_and_not_only_tried() -> None:
    async with Postbox() as postbox:
        server = replace(plain(postbox), tls="starttls", username="a", password="b")
        with pytest.raises(MailError):
            await send(server, message())
        assert postbox.mails.empty()


async def test_a_server_that_is_not_there_is_named() -> None:
    async with Postbox() as postbox:
        server = plain(postbox)
    with pytest.raises(MailError, match=rf"127\.0\.0\.1:{server.port} is not reached"):
        await send(server, message())


async def test_a_server_that_refuses_is_quoted_in_the_detail() -> None:
    async with Postbox(refuse="554 no such thing here") as postbox:
        with pytest.raises(MailError, match="does not take it") as refused:
            await send(plain(postbox), message())
    assert "no such thing here" in refused.value.detail


def test_the_password_is_not_shown() -> None:
    assert "secret-word" not in repr(MailServer("mail", 25, "none", "me", "secret-word"))
