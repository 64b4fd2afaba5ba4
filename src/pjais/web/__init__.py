"""The local web UI: migrate, browse, search and view the history in a browser (`pjais ui`).

Routes over the library, without logic of its own.  A view is a function that returns a typed value; the same value is
a page for people, JSON at the same address for clients that accept it, and `GET /api/...` in the OpenAPI document.
Every change is a POST to `/do/...`.  Only the owner has access (`guard`), and no request leaves the machine.
"""
