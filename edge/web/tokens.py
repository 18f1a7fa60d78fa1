"""Bearer tokens (RFC 6750 section 2.1): whether a request may do what it asks for."""

from collections.abc import Callable, Sequence

from starlette.requests import HTTPConnection

from edge import access
from edge.access import Role, Token
from edge.errors import RoleMissing, TokenWrong


class Tokens:
    """Checks the token of a request against the role that a route needs.

    Args:
        held: the tokens of this server, as they are now.
    """

    def __init__(self, held: Callable[[], Sequence[Token]]) -> None:
        self._held = held

    def require(self, request: HTTPConnection, role: Role) -> Token:
        """The token that the request carries, which has the role.

        Raises:
            TokenWrong: there is none, or this server does not know it, or nobody here has the role.
            RoleMissing: this server knows it, and it is good for other things.
        """
        held = self._held()
        if not any(role in token.roles for token in held):
            raise TokenWrong(
                f"{role} is off: no token of this server has that role "
                "(EDGE_ADMIN_TOKEN, EDGE_ADMIN_FILE)"
            )
        token = access.find(held, _bearer(request))
        if token is None:
            raise TokenWrong("send Authorization: Bearer <token>, one that this server knows")
        if role not in token.roles:
            raise RoleMissing(f"this token may not {role}", allowed=tuple(sorted(token.roles)))
        return token

    def allows(self, request: HTTPConnection, role: Role) -> bool:
        """Whether `require` would let the request pass."""
        try:
            self.require(request, role)
        except (TokenWrong, RoleMissing):
            return False
        return True


def _bearer(request: HTTPConnection) -> bytes:
    """The token as its bytes came; empty where there is none, or more than one such header."""
    given = request.headers.getlist("authorization")
    scheme, _, token = (given[0] if len(given) == 1 else "").partition(" ")
    return token.strip().encode("latin-1") if scheme.lower() == "bearer" else b""
