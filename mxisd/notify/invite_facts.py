"""What it takes to accept an invite, as placeholders: for templates, and no log."""

from urllib.parse import quote

from mxisd.model.notices import InviteNotice
from mxisd.model.secret import Secret


def acceptance(notice: InviteNotice) -> dict[str, str]:
    """Name them; they are empty where another server made the invite."""
    sign_url = _value(notice.sign_url)
    return {
        "INVITE_TOKEN": _value(notice.token),
        "INVITE_PRIVATE_KEY": _value(notice.private_key),
        "INVITE_SIGN_URL": sign_url,
        "INVITE_SIGN_URL_URL_ENCODED": quote(sign_url, safe=""),
    }


def _value(secret: Secret | None) -> str:
    return "" if secret is None else secret.value
