"""The quiz on students' phones: a code, a question, an answer. No account, no name."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from app.classroom import quiz, quiz_groups, quiz_store
from app.classroom.models import QuizRound
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
from app.web.quiz_state import State, state_of

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
    state = await state_of(request.app, code) if code else None
    if state is None or state.asked is None:
        return await _unknown(request, phone)
    return await _page(request, state, phone)


@public
async def submit(request: web.Request) -> web.StreamResponse:
    """Take a phone's answer; sent again while the question is open it replaces the first. For anybody."""
    phone = phone_of(request)
    fields = await read_form(request)
    if isinstance(fields, Text):
        return await _page(request, None, phone, fields, 413 if fields is TOO_LARGE else 400)
    code = plain_code(request.match_info["code"])
    state = await state_of(request.app, code) if code else None
    if state is not None and (state.asked is None or _meant(fields) not in ("", str(state.asked.id))):
        # Perhaps the round began in another process, a moment ago.
        state = await state_of(request.app, code, fresh=True)
    if state is None or state.asked is None:
        return await _unknown(request, phone)
    asked = state.asked
    try:
        stored, said = await _store(request, asked, phone, fields)
    except ProblemError as problem:
        state = await state_of(request.app, code, fresh=isinstance(problem, quiz.ClosedError))
        return await _page(request, state, phone, problem.text, getattr(problem, "status", 422))
    request.app[LIVE].took(asked, stored)
    if request.headers.get("X-Zhupi-Phone"):
        return await _page(request, state, phone, mine=said)
    response = web.Response(status=303, headers={"Location": url(request, "quiz_phone", code=code)})
    remember(request, response, phone)
    return response


class _OftenError(ProblemError):
    status = 429


def _meant(fields: Fields) -> str:
    """The round that the phone's page showed; "" when it does not say."""
    return next((value for name, value in fields if name == "round"), "")


async def _store(request: web.Request, asked: QuizRound, phone: Phone, fields: Fields) -> tuple[int, str]:
    if _meant(fields) not in ("", str(asked.id)):
        # The teacher went on meanwhile: an answer to one question must not be stored under another.
        raise quiz.ClosedError
    if not await may_send(request, phone):
        raise _OftenError(TOO_OFTEN)
    sent = [value for name, value in fields if name == "answer"]
    async with request.app[DATABASE].begin() as db:
        return await quiz.answer(db, asked, phone.device, sent)


async def _unknown(request: web.Request, phone: Phone) -> web.Response:
    if not await may_guess(request):
        raise web.HTTPTooManyRequests
    return await _page(request, None, phone, NO_ROUND, 404)


async def _page(
    request: web.Request,
    state: State | None,
    phone: Phone,
    problem: Text | None = None,
    status: int = 200,
    mine: str | None = None,
) -> web.Response:
    """The page of a phone; `mine` is its answer, where that is known. Phones have no session."""
    request[PLAIN] = True
    asked = state.asked if state else None
    context: dict[str, Any] = {"asked": asked, "problem": problem}
    if state is not None and asked is not None:
        if mine is None:
            async with request.app[DATABASE].begin() as db:
                found = await quiz_store.answer_of(db, asked.id, phone.device)
            mine = found.text if found else ""
        context |= {
            "mine": mine,
            "open": state.open,
            "clock": state.clock,
            "choices": quiz.choices(asked) if quiz_groups.is_choice(asked) else None,
            "longest": quiz.LONGEST_ANSWER,
        }
    response = await render(request, "pages/quiz_phone.html", context, status=status)
    remember(request, response, phone)
    return response
