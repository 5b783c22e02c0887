"""The header of draft-cavage signatures, as httpsig has it; read when the first signature is made."""

import warnings

with warnings.catch_warnings():
    # httpsig 1.3.0, the newest there is, imports pkg_resources. Only its grammar is used: its HeaderVerifier takes the
    # algorithm from the request and must never be called.
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated as an API")
    import httpsig.utils


def template(key_id: str, covered: list[str]) -> str:
    """The Signature header, with a place for the signature itself."""
    header: str = httpsig.utils.build_signature_template(key_id, "rsa-sha256", covered, "signature")
    return header
