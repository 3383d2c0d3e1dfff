"""The protocol of a server, robust against any input from the client.

pygls provides features, commands, the workspace and LSP's own handlers. `Inbound` and `Outbound` replace its reading
and writing, which leave some requests unanswered. This module extends LSP requests by our contract.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams
from pygls.protocol import lsp_method

from reloadls.wire import methods
from reloadls.wire.text import show

from .errors import InvalidParams
from .explain import did_you_mean
from .inbound import Inbound

__all__ = ["SafeProtocol"]


def _check_root(uri: str | None) -> None:
    try:
        urlsplit(uri or "")
    except ValueError as exc:
        raise InvalidParams("rootUri", f"must be a URI, not {show(uri)}") from exc


class SafeProtocol(Inbound):
    """The protocol of a server.

    `LanguageServer(name, version, protocol_cls=SafeProtocol, converter_factory=make_converter)`. A transport
    calls `set_writer`, sets `on_exit`, then calls `feed` with what arrives, and `close` at the end.
    """

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        """Answer with the capabilities of pygls and ours."""
        _check_root(params.root_uri)
        result = yield from super().lsp_initialize(params)
        capabilities = result.capabilities
        capabilities.experimental = {"reload": methods.reload_capability()}
        capabilities.execute_command_provider = types.ExecuteCommandOptions(commands=self._command_names())
        return result

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    def lsp_workspace__execute_command(self, params: types.ExecuteCommandParams) -> Generator[Any, Any, Any]:
        """Run one of our commands as the request it stands for; leave other commands to pygls."""
        method = methods.COMMANDS.get(params.command)
        if method is None or method not in self.fm.features:
            if params.command not in self.fm.commands:
                hint = did_you_mean(params.command, self._command_names())
                raise InvalidParams("command", f"must name a command, not {show(params.command)}; {hint}")
            return (yield from self._execute_other(params))
        arguments = params.arguments or ()
        if len(arguments) > 1:
            raise InvalidParams("arguments", f"must hold one params object or none, not {len(arguments)} items")
        typed = self._typed_params(method, arguments[0] if arguments else None)
        return (yield self.fm.features[method], (typed,), None)

    def _execute_other(self, params: types.ExecuteCommandParams) -> Generator[Any, Any, Any]:
        try:
            return (yield from super().lsp_workspace__execute_command(params))
        except JsonRpcInvalidParams as exc:
            if exc.data is not None:
                raise
            raise InvalidParams("arguments", f"do not fit the command: {exc.message}") from exc

    def _command_names(self) -> list[str]:
        ours = [command for command, method in methods.COMMANDS.items() if method in self.fm.features]
        return [*ours, *(command for command in self.fm.commands if command not in ours)]

    @lsp_method(types.WINDOW_WORK_DONE_PROGRESS_CANCEL)
    def lsp_work_done_progress_cancel(self, params: types.WorkDoneProgressCancelParams) -> Generator[Any, Any, None]:
        """Cancel the progress of a token; unknown tokens are ignored."""
        if not isinstance(params.token, int | str):
            raise InvalidParams("token", f"must be a string or an integer, not {show(params.token)}")
        if params.token in self.progress.tokens:
            yield from super().lsp_work_done_progress_cancel(params)

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> Generator[Any, Any, None]:
        """Answer the requests in flight, then this one."""
        if (handler := self.fm.features.get(types.SHUTDOWN)) is not None:
            yield handler, args, None
        self._cancel_all("the server is shutting down", but=self.msg_id)
        self._shutdown = True

    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> Generator[Any, Any, None]:
        """End the connection; the transport's main coroutine ends the process."""
        try:
            if (handler := self.fm.features.get(types.EXIT)) is not None:
                yield handler, args, None
        finally:
            self.stop()
