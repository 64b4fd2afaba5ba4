"""The protocol: what is offered, in the words of the official SDK; both revisions that are in use.

Clients of the revisions up to 2025-11-25 begin with a handshake, those of 2026-07-28 tell who they are with every
request; the SDK's loop serves both.  Calls run in threads of their own, so that one that waits for the store's write
lock keeps nobody waiting.
"""

from __future__ import annotations

from typing import Any

import anyio
from anyio import to_thread
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated
from mcp.shared.exceptions import MCPError

from mcp import types
from pjais.mcp.answers import Answer
from pjais.mcp.offer import GRAPH, INSTRUCTIONS, PROMPTS, RESOURCES, TEMPLATE, Offer
from pjais.version import __version__

Context = ServerRequestContext[Any, Any]

_JSON, _TEXT = "application/json", "text/plain"
_THREADS = 8
_SUBSCRIBERS = 1000


class Protocol:
    """The handlers of one server."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._limiter: anyio.CapacityLimiter | None = None
        self._bus = InMemorySubscriptionBus()
        self._subscribed: dict[int, Any] = {}
        """The sessions that want to hear of changes of the graph, by their connections (those with a handshake)."""
        self._written = self._told = 0
        offer.home.written = self._note
        self.server: Server[Any] = Server(
            "pjais",
            version=__version__,
            title="pjais: memories",
            instructions=INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
            on_subscribe_resource=self._subscribe,
            on_unsubscribe_resource=self._unsubscribe,
            on_subscriptions_listen=ListenHandler(self._bus, max_subscriptions=100),
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._get_prompt,
        )

    def _note(self) -> None:
        self._written += 1

    async def _in_thread(self, run: Any, *given: Any) -> Any:
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(_THREADS)
        return await to_thread.run_sync(run, *given, limiter=self._limiter)

    # -- tools

    async def _list_tools(self, ctx: Context, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[types.Tool.model_validate(one.told) for one in self._offer.tools.values()])

    async def _call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        answer: Answer = await self._in_thread(self._offer.call, _client(ctx), params.name, params.arguments)
        await self._tell()
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text) for text in answer.texts],
            structured_content=answer.structured,
            is_error=answer.error,
            _meta=None if answer.cursor is None else {"nextCursor": answer.cursor},
        )

    async def _tell(self) -> None:
        """Tell the subscribers that the graph changed, if it did."""
        if self._told == self._written:
            return
        self._told = self._written
        for key, session in list(self._subscribed.items()):
            try:
                await session.send_resource_updated(GRAPH)
            except Exception:  # noqa: BLE001 -- whatever ended the connection, nobody listens there any more
                self._subscribed.pop(key, None)
        await self._bus.publish(ResourceUpdated(uri=GRAPH))

    # -- resources

    async def _list_resources(self, ctx: Context, params: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(
            resources=[
                types.Resource(uri=one.uri, name=one.name, title=one.title, description=one.about, mime_type=_JSON)
                for one in RESOURCES
            ]
        )

    async def _list_templates(self, ctx: Context, params: Any) -> types.ListResourceTemplatesResult:
        one = TEMPLATE
        found = types.ResourceTemplate(
            uri_template=one.uri, name=one.name, title=one.title, description=one.about, mime_type=_JSON
        )
        return types.ListResourceTemplatesResult(resource_templates=[found])

    async def _read_resource(self, ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(params.uri)
        texts = await self._in_thread(self._offer.read, _client(ctx), uri)
        if texts is None:
            raise MCPError(types.INVALID_PARAMS, f"Resource {uri[:200]} not found")
        return types.ReadResourceResult(
            contents=[
                types.TextResourceContents(uri=uri, mime_type=_TEXT if at else _JSON, text=text)
                for at, text in enumerate(texts)
            ]
        )

    async def _subscribe(self, ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        if str(params.uri) == GRAPH and len(self._subscribed) < _SUBSCRIBERS:
            self._subscribed[_connection(ctx)] = ctx.session
        return types.EmptyResult()

    async def _unsubscribe(self, ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        if str(params.uri) == GRAPH:
            self._subscribed.pop(_connection(ctx), None)
        return types.EmptyResult()

    # -- prompts

    async def _list_prompts(self, ctx: Context, params: Any) -> types.ListPromptsResult:
        found = []
        for one in PROMPTS:
            given = [] if one.argument is None else [one.argument]
            asked = [types.PromptArgument(name=name, description=about, required=True) for name, about in given]
            found.append(types.Prompt(name=one.name, title=one.title, description=one.about, arguments=asked))
        return types.ListPromptsResult(prompts=found)

    async def _get_prompt(self, ctx: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        one = next((each for each in PROMPTS if each.name == params.name), None)
        if one is None:
            raise MCPError(types.INVALID_PARAMS, f"Prompt {params.name[:200]} not found")
        text = one.text
        if one.argument is not None:
            given = (params.arguments or {}).get(one.argument[0])
            if not given:
                raise MCPError(types.INVALID_PARAMS, f"Prompt {one.name} needs the argument {one.argument[0]}")
            text = text.format(given[:2000])
        said = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
        return types.GetPromptResult(description=one.about, messages=[said])


def _client(ctx: Context) -> str:
    """Return the name of the client: of the handshake, or of this request."""
    params = ctx.session.client_params
    return params.client_info.name if params is not None else ""


def _connection(ctx: Context) -> int:
    return id(getattr(ctx.session, "_connection", ctx.session))


def serve_stdio(offer: Offer) -> None:
    """Serve one client over stdin and stdout, until it closes them."""

    async def run() -> None:
        server = Protocol(offer).server
        async with stdio_server() as (reads, writes):
            await server.run(reads, writes, server.create_initialization_options())

    anyio.run(run)
