"""What the data themselves do not allow."""

from automagic.errors import UserError


class DataError(UserError):
    """A file that cannot be used, or data from which a result cannot be had. The card is not at fault."""


class NothingLeft(DataError):
    """A run of which the step before has left nothing: there is nothing to do, and nothing is wrong."""
