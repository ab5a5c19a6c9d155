"""What `.import` has told on standard error."""


def well(told):
    """Is all in?"""
    return told.startswith("ok ")


def refused(told):
    """The lines of refused rows."""
    return [int(line.split(":")[1]) for line in told.splitlines() if ": refused: " in line]
