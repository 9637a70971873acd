"""Ways to sign in to the retired service: accepted, and without effect, as nothing is asked.

No password or token that is given is kept.
"""

from __future__ import annotations


class AbstractAuthentication:
    """A way to sign in. Every argument is accepted and forgotten.

    Examples
    --------
    >>> ServicePrincipalAuthentication("tenant", "client", "password")
    ServicePrincipalAuthentication()
    >>> ServicePrincipalAuthentication("tenant", "client", "password").get_authentication_header()
    {}
    """

    def __init__(self, *arguments: object, **named: object) -> None:
        pass

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def get_authentication_header(self) -> dict[str, str]:
        """Return no HTTP headers."""
        return {}


class InteractiveLoginAuthentication(AbstractAuthentication):
    """Signing in with a browser."""


class AzureCliAuthentication(AbstractAuthentication):
    """Signing in with the cloud's command line."""


class ServicePrincipalAuthentication(AbstractAuthentication):
    """Signing in as an application."""


class MsiAuthentication(AbstractAuthentication):
    """Signing in as a machine of the cloud."""


class TokenAuthentication(AbstractAuthentication):
    """Signing in with a token."""


class ArmTokenAuthentication(AbstractAuthentication):
    """Signing in with a token of the cloud's resource manager."""
