"""All of a server's TLS: one policy, and for each source of certificates its index and its front context.

Ports with the same source share both, so a ticket from one is good on the other.
Runs in: reactor thread, or before there is one.
"""

from __future__ import annotations

from functools import partial
from ssl import SSLContext

from twisted.logger import Logger

from wsgicontainer.errors import BootError
from wsgicontainer.tls.blame import blamed
from wsgicontainer.tls.certificates import Certificates, Files, folder, passed_over, single, why
from wsgicontainer.tls.contexts import Policy, blank, context_for, front_for

_log = Logger()


class Presented:
    """What is presented on all ports. Only `look` changes anything after the start."""

    def __init__(self, policy: Policy) -> None:
        """Check the policy. Raises ConfigurationError, BootError."""
        blank(policy)
        self._policy = policy
        self._sources: dict[str | Files, tuple[Certificates, SSLContext]] = {}

    def folder(self, label: str, directory: str) -> SSLContext:
        """Return the front context of a folder; `label` is what the operator wrote.

        Raises BootError if it can't be read. That nothing in it can be served is only told: it may come. Neither comes
        twice: by then it may be that only who this process was before could read it.
        """
        if directory in self._sources:
            return self._sources[directory][1]
        certificates, front = self._source(directory, Certificates(folder(directory), self._build))
        try:
            told = passed_over(directory)
        except OSError as error:
            raise BootError(
                f"{label}: {directory} can't be read ({error.strerror}); name a folder that this user may read"
            ) from None
        if not len(certificates):
            told.append("it has no certificate: every TLS connection fails until there is a NAME.pem or DEFAULT.pem")
        elif certificates.find(None) is None:
            told.append("it has no DEFAULT.pem: clients that ask for another name, or for none, are refused")
        for sentence in told:
            _log.warn("{label}: {sentence}", label=label, sentence=sentence)
        return front

    def files(self, label: str, files: Files) -> SSLContext:
        """Return the front context of the one certificate that these files make. Raises BootError.

        `label` is what the operator wrote; "" for --certfile and --keyfile.
        """
        certificates, front = self._source(files, Certificates(single(files), self._build))
        if not len(certificates):
            if not label:
                raise BootError(blamed(files, certificates.fault))
            reason = why(certificates.fault, files[0] if len(files) == 1 else "")
            mend = "name the PEM files of a certificate and its key"
            raise BootError(f"{label}: {' and '.join(files)} can't be served ({reason}); {mend}")
        return front

    def look(self) -> None:
        """Take over what has changed on disk."""
        for certificates, _ in self._sources.values():
            certificates.look()

    def tell_unreadable(self, label: str) -> None:
        """Tell, once, which keys are served but can't be read any more, now that the server runs as somebody else."""
        for certificates, _ in self._sources.values():
            file = certificates.unreadable()
            if file is not None:
                _log.warn(
                    "{file} can't be read with {label}: it is served, but renewals are not seen until the next start; "
                    "let a group of that user read it",
                    file=file,
                    label=label,
                )

    def _source(self, name: str | Files, certificates: Certificates) -> tuple[Certificates, SSLContext]:
        if name not in self._sources:
            certificates.look()
            self._sources[name] = certificates, front_for(self._policy, certificates.find)
        return self._sources[name]

    @property
    def _build(self) -> partial[SSLContext]:
        return partial(context_for, self._policy)
