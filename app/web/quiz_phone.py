"""The quiz on students' phones: a code, a question, an answer. No account, no name."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from app.classroom import quiz, quiz_groups, quiz_store
from app.classroom.models import QuizRound
from app.classroom.quiz_board import clock_of
from app.i18n import N_, ProblemError, Text
from app.keys import DATABASE, PLAIN
from app.web.middleware.sign_in import public
from app.web.pages import render, url
from app.web.phones import (
    TOO_LARGE,
    Fields,
    Phone,
    may_guess,
    may_send,
    phone_of,
    plain_code,
    read_form,
    remember,
)
from app.web.quiz import LIVE

TOO_OFTEN = Text(N_("Too many answers in a short time. Wait a minute, then send your answer again."))
NO_ROUND = Text(N_("There is no question under this code. Look at the screen again."))


@public
async def enter(request: web.Request) -> web.StreamResponse:
    """A field for the code on the screen; `?code=` leads on. For anybody."""
    written = request.query.get("code")
    if written is None:
        return await _page(request, None, phone_of(request))
    code = plain_code(written)
    if not code:
        return await _unknown(request, phone_of(request))
    return web.Response(status=303, headers={"Location": url(request, "quiz_phone", code=code)})


@public
async def show(request: web.Request) -> web.StreamResponse:
    """The question under a code, and what this phone answered so far. For anybody."""
    phone, written = phone_of(request), request.match_info["code"]
    code = plain_code(written)
    if code and code != written:
        return web.Response(status=303, headers={"Location": url(request, "quiz_phone", code=code)})
    asked = await _asked(request, code)
    return await (_page(request, asked, phone) if asked else _unknown(request, phone))


@public
async def submit(request: web.Request) -> web.StreamResponse:
    """Take a phone's answer; sent again while the question is open it replaces the first. For anybody."""
    phone = phone_of(request)
    fields = await read_form(request)
    if isinstance(fields, Text):
        return await _page(request, None, phone, fields, 413 if fields is TOO_LARGE else 400)
    asked = await _asked(request, plain_code(request.match_info["code"]))
    if asked is None:
        return await _unknown(request, phone)
    try:
        stored = await _store(request, asked, phone, fields)
    except ProblemError as problem:
        return await _page(request, asked, phone, problem.text, getattr(problem, "status", 422))
    request.app[LIVE].took(asked, stored)
    if request.headers.get("X-Zhupi-Phone"):
        return await _page(request, asked, phone)
    response = web.Response(status=303, headers={"Location": url(request, "quiz_phone", code=asked.code)})
    remember(request, response, phone)
    return response


class _OftenError(ProblemError):
    status = 429


async def _store(request: web.Request, asked: QuizRound, phone: Phone, fields: Fields) -> int:
    if any(name == "round" and value != str(asked.id) for name, value in fields):
        # The teacher went on meanwhile: an answer to one question must not be stored under another.
        raise quiz.ClosedError
    if not await may_send(request, phone):
        raise _OftenError(TOO_OFTEN)
    async with request.app[DATABASE].begin() as db:
        return await quiz.answer(
            db, asked, phone.device, [value for name, value in fields if name == "answer"]
        )


async def _asked(request: web.Request, code: str) -> QuizRound | None:
    if not code:
        return None
    async with request.app[DATABASE].begin() as db:
        return await quiz_store.by_code(db, code)


async def _unknown(request: web.Request, phone: Phone) -> web.Response:
    if not await may_guess(request):
        raise web.HTTPTooManyRequests
    return await _page(request, None, phone, NO_ROUND, 404)


async def _page(
    request: web.Request,
    asked: QuizRound | None,
    phone: Phone,
    problem: Text | None = None,
    status: int = 200,
) -> web.Response:
    """The page of a phone. Its session is not looked at: phones have none."""
    request[PLAIN] = True
    context: dict[str, Any] = {"asked": asked, "problem": problem}
    if asked is not None:
        async with request.app[DATABASE].begin() as db:
            mine = await quiz_store.answer_of(db, asked.id, phone.device)
            clock = clock_of(asked, await quiz_store.now(db))
        choice = quiz_groups.is_choice(asked)
        context |= {
            "mine": mine.text if mine else "",
            "open": asked.closed_at is None and (clock is None or clock.left > 0),
            "clock": clock,
            "choices": quiz.choices(asked) if choice else None,
            "longest": quiz.LONGEST_ANSWER,
        }
    response = await render(request, "pages/quiz_phone.html", context, status=status)
    remember(request, response, phone)
    return response
