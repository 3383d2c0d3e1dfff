import pytest

pytest.register_assert_rewrite("tests.reload.adapters.live")
