"""The one error that a user's input may cause."""


class UserError(Exception):
    """Bad input. The message is one line that names the file, line or option, and the remedy.

    Commands print the message and exit with code 2; chapters show it without a traceback.
    """
