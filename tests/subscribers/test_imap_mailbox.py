"""The mailbox of bounces over IMAP, as a real server (Dovecot) keeps it."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from subscribers import bounce_mailbox, links
from subscribers.bounce_mailbox import MailboxError
from subscribers.models import Subscriber
from tests.copies import free_port, wait_for
from tests.factories import NOON
from tests.servers import binary
from tests.subscribers.news import reader
from tests.subscribers.test_bounces import leaving

pytestmark = pytest.mark.django_db
DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{certificate}/certificate.pem
ssl_key = <{certificate}/key.pem
mail_location = maildir:{folder}/mail
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
passdb {{
  driver = static
  args = password=correct
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail
}}
"""


@pytest.fixture(scope="module")
def imap(certificate: Path) -> Iterator[tuple[int, Path]]:
    """(port, the Maildir it serves), in a folder that other test runs leave alone: mail is read by no user of ours."""
    program = binary("dovecot", "/usr/sbin/dovecot")
    with tempfile.TemporaryDirectory(prefix="hali-imap-", ignore_cleanup_errors=True) as name:
        yield from _running(program, Path(name), certificate)


def _running(program: str, folder: Path, certificate: Path) -> Iterator[tuple[int, Path]]:
    port = free_port()
    account = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())  # mail is never given to root
    for name in ("run", "state", "mail", "mail/new", "mail/cur", "mail/tmp"):
        (folder / name).mkdir()
        os.chown(folder / name, account.pw_uid, account.pw_gid)
    folder.chmod(0o755)
    (folder / "dovecot.conf").write_text(
        DOVECOT.format(
            folder=folder, certificate=certificate, port=port, user=account.pw_name, group=grp.getgrgid(account.pw_gid).gr_name
        )
    )
    process = subprocess.Popen([program, "-F", "-c", str(folder / "dovecot.conf")])
    try:
        wait_for("Dovecot answers", lambda: _answers(port))
        yield port, folder / "mail"
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_an_imap_mailbox_is_read_once_and_its_mails_are_kept(
    imap: tuple[int, Path], certificate: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, maildir = imap
    asha = reader("asha@customer.example")
    (maildir / "new" / "1.mail").write_bytes(leaving(links.token_for(asha, links.UNSUBSCRIBE)))
    (maildir / "new" / "2.mail").write_bytes(b"Subject: holiday\n\nBack on Monday.")
    for path in (maildir / "new").iterdir():
        path.chmod(0o666)
    settings.BOUNCE_MAILBOX = f"imaps://status:correct@127.0.0.1:{port}/INBOX"
    with pytest.raises(MailboxError, match="CERTIFICATE_VERIFY_FAILED"):
        bounce_mailbox.read_mailbox(now=NOON)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "certificate.pem"))
    assert bounce_mailbox.read_mailbox(now=NOON) == 1
    assert bounce_mailbox.read_mailbox(now=NOON) == 0
    assert Subscriber.objects.get().state == "unsubscribed"
    assert len(list((maildir / "cur").iterdir())) == 2


def test_a_wrong_password_of_the_mailbox_is_one_clear_line(
    imap: tuple[int, Path], certificate: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "certificate.pem"))
    settings.BOUNCE_MAILBOX = f"imaps://status:wrong@127.0.0.1:{imap[0]}/INBOX"
    with pytest.raises(MailboxError, match="look at HALI_BOUNCE_MAILBOX") as told:
        bounce_mailbox.read_mailbox(now=NOON)
    assert "wrong" not in str(told.value)
