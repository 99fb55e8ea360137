"""`scand demo`"""


def demo() -> None:
    """x"""
