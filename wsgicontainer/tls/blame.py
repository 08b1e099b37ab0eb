"""Which of --certfile and --keyfile is to blame for a certificate that can't be served, and what mends it. Pure."""

from __future__ import annotations

from wsgicontainer.tls.pem import Part, Unusable

_CERTIFICATE = "name a PEM file with a certificate and its chain"
_MENDS = {
    Part.KEY: "write --keyfile FILE beside it, with the PEM file of its key",
    Part.LOCK: "`openssl pkey -in {file} -out FILE` writes it without a password",
    Part.PAIR: "name the key with which it was made: --keyfile FILE",
}
_MENDS_OF_KEY = {
    Part.KEY: "name the PEM file with the key of {certificate}",
    Part.LOCK: _MENDS[Part.LOCK],
    Part.PAIR: "name the key with which that was made",
}


def blamed(files: tuple[str, ...], fault: Unusable | OSError) -> str:
    """Return the sentence for the operator; `files` are that of --certfile and, if there is one, that of --keyfile."""
    certificate, key = files[0], files[-1]
    part, why = _read(fault, key if len(files) > 1 else "")
    option, file, mends = "--certfile", certificate, _MENDS
    if len(files) > 1 and part in _MENDS_OF_KEY:
        option, file, mends = "--keyfile", key, _MENDS_OF_KEY
        why = f"no certificate in {certificate} is for it" if part is Part.PAIR else why
    mend = mends.get(part, _CERTIFICATE).format(file=file, certificate=certificate)
    return f"{option} {file} can't be served ({why}); {mend}"


def _read(fault: Unusable | OSError, key: str) -> tuple[Part, str]:
    if isinstance(fault, OSError):
        return Part.KEY if key and fault.filename == key else Part.CERTIFICATE, str(fault.strerror)
    return fault.part, str(fault)
