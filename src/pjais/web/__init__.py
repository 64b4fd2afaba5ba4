"""The local web page: migrate, look, search and travel in time in a browser (`pjais ui`).

Routes over pipeline and store, and no logic of its own.  A view is a function that gives a typed value; the same value
is a page for people, JSON at the same address for who accepts that, and `GET /api/...` in the OpenAPI document.
What changes something is a POST to `/do/...`.  Nobody but the owner gets in (`guard`), and no request leaves the
machine.
"""
