from collections.abc import Callable
def demo() -> Callable[[], int]:
    "x"
    return lambda: 0
