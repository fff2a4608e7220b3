"""The one exception for what a person gave us: bad picture, label, folder, archive or option."""


class UserInputError(ValueError):
    """Says in one sentence what was found, what was expected and what to do.

    The page and the commands show its text as it is; every other exception is a defect.
    """
