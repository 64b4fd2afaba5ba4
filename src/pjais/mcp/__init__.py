"""The MCP server: assistants read and write the memories of a store.

A face: what it does is in the library (`pjais.persona.graph`, `pjais.persona.recall`, `pjais.persona.store`); here are
the protocol, the limits of an answer, and who may do what.  Only `server` and `http` import the SDK, which is called
`mcp` as this package is; imports are absolute, so neither hides the other.

Stored text is data: it is in answers only, as JSON, never in instructions, descriptions or titles.
"""
