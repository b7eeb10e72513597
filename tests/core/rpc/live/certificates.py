"""Certificates made for one test, in files."""

from typing import NamedTuple

import trustme


class Made(NamedTuple):
    """Paths of PEM files."""

    certificate: str
    key: str
    trusted: str
    """Who has signed it."""


def make(folder, *names):
    """A certificate for these names, signed by an authority of its own."""
    folder.mkdir(exist_ok=True)
    authority = trustme.CA()
    issued = authority.issue_cert(*(names or ("127.0.0.1",)))
    made = Made(*[str(folder / name) for name in ("own.pem", "own.key", "ca.pem")])
    issued.cert_chain_pems[0].write_to_path(made.certificate)
    issued.private_key_pem.write_to_path(made.key)
    authority.cert_pem.write_to_path(made.trusted)
    return made
