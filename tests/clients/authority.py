"""A certificate authority for tests, and the files that it makes."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

import trustme

DAY = dt.timedelta(days=1)


class Authority:
    """Signs; `trust` is what a client needs."""

    def __init__(self, folder: Path) -> None:
        """Write the authority's own certificate into `folder`."""
        self._ca = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self.file = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def pem(self, *names: str, rsa: bool = False, common_name: str | None = None, expired: bool = False) -> bytes:
        """Return key, certificate and chain for names, as one file has them."""
        now = dt.datetime.now(dt.UTC)
        kind = trustme.KeyType.RSA if rsa else trustme.KeyType.ECDSA
        issued = self._ca.issue_cert(
            *names,
            common_name=common_name,
            key_type=kind,
            not_before=now - 9 * DAY,
            not_after=now - DAY if expired else now + 30 * DAY,
        )
        return issued.private_key_pem.bytes() + b"".join(each.bytes() for each in issued.cert_chain_pems)

    def write(self, folder: Path, *names: str, file: str | None = None, rsa: bool = False) -> Path:
        """Put a certificate into a folder under its first name, in one step as everybody should."""
        folder.mkdir(exist_ok=True)
        path = folder / (file or f"{names[0]}{'.rsa' if rsa else ''}.pem")
        fresh = folder / f".{path.name}.new"
        fresh.write_bytes(self.pem(*names, rsa=rsa))
        fresh.rename(path)
        return path

    def client(self, *, version: str | None = None, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
        """Return a client's context that trusts nobody else."""
        context = ssl.create_default_context(cafile=str(self.file))
        if version is not None:
            number = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
            context.minimum_version = context.maximum_version = number
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context
