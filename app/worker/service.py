"""The worker: takes jobs, reads papers, grades them, and survives whatever goes away meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import structlog

from app import network
from app.classes import store as classes
from app.db import Database
from app.document import Document
from app.events.bus import Bus
from app.events.schema import PaperChanged, RunChanged
from app.grading.chat import OpenAIChat, connect
from app.grading.engine import Engine, grade_paper
from app.grading.graders import Graders, make_graders
from app.grading.graph import build_graph
from app.grading.masking import Names, Person
from app.grading.model import ChatModel, Stopped
from app.grading.pool import ProcessPool
from app.grading.state import PaperResult
from app.i18n import N_, ProblemError, Text
from app.intake import process
from app.intake.process import close_readers
from app.jobs import GRADE, PAGE, READ, Again, Consumer, Handler, Taken, forget_finished
from app.looplag import settle
from app.marks import claims, runs
from app.marks.claims import ClaimResult, LetGo
from app.marks.models import RunPaperState
from app.papers.models import Paper
from app.settings import Settings
from app.storage import Storage
from app.worker.cache import CachedChat
from app.worker.checkpoints import PatientSaver, open_pool
from app.worker.gate import Gates, PaperGate
from app.worker.heartbeat import Heartbeat
from app.worker.keeping import PageKeeper
from app.worker.legible import Legibility
from app.worker.metered import MeteredChat
from app.worker.paper import DecidedMarks, Plan, StoringSink
from app.worker.patience import is_away, patiently
from app.worker.reading import Reader
from app.worker.recorder import Recorder
from app.worker.vision import Vision
from app.worker.warm import load

log = structlog.get_logger(__name__)

# Jobs end at their next gate; a model call under way is waited for this long, then its job goes back as it is.
STOP_SECONDS = 6.0
MEND_SECONDS = 20.0
BUSY_SECONDS = 1.0
MOST_TRIES = 4
RUNS_KEPT = 16
MATHS_SECONDS = 10.0
# Papers that are claimed, read and located at once. If all did so together, the first question would wait for the last
# paper.
PAPERS_BEGINNING = 4
MODEL_RETRIES = 3
FAILED = N_("Grading this paper failed ({error}). Start a new run for it; the marks made so far are kept.")


class Worker:
    """Reads and grades the papers of one database; any number of them may run beside each other."""

    def __init__(self, settings: Settings, database: Database, bus: Bus, storage: Storage) -> None:
        self._settings, self._database, self._bus = settings, database, bus
        self._stopping = asyncio.Event()
        self._recorder = Recorder(database, bus, self._stopping)
        self._gates = Gates(database, self._stopping)
        processors = os.cpu_count() or 2
        self._maths = ProcessPool(max(1, min(4, processors - 1)), MATHS_SECONDS)
        # A model's answers are waited for; the local grader counts in threads that share one interpreter.
        self._model_limit = asyncio.Semaphore(settings.max_parallel_workers)
        process.configure(ocr_processes=settings.ocr_processes or None)
        self._vision = Vision(settings, database, storage, self._model_limit)
        self._reader = Reader(database, bus, storage, PageKeeper(database, storage), self._vision)
        self._local_limit = asyncio.Semaphore(max(2, min(4, processors)))
        self._first_steps = asyncio.Semaphore(PAPERS_BEGINNING)
        self._chat: OpenAIChat | None = None
        self._redis = network.redis_client(settings.redis_url.get_secret_value())
        self._kept: OrderedDict[tuple[int, int], tuple[Graders, DecidedMarks]] = OrderedDict()
        self._under_way: set[asyncio.Task[None]] = set()
        self._consumers: list[Consumer] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to take jobs; what cannot be reached yet is tried again until it can."""
        url = self._settings.postgres_url
        self._pool = open_pool(self._settings.checkpoint_url)
        await self._pool.open(wait=False)
        self._saver = PatientSaver(self._pool, self._stopping)
        self._graph = build_graph(self._saver)
        self._recorder.start()
        # Enough papers that the model's permits are never idle while one paper ends and the next begins.
        papers = max(8, self._settings.max_parallel_workers // 2)
        self._consumers = [
            Consumer(url, READ, self._guarded(self._reader.job), at_once=4),
            Consumer(url, PAGE, self._guarded(self._reader.job), at_once=4),
            Consumer(url, GRADE, self._guarded(self._grade), at_once=papers),
        ]
        self._tasks = [asyncio.create_task(each.run()) for each in self._consumers]
        self._mending = asyncio.create_task(self._mend_forever())

    async def stop(self) -> None:
        """Take no more jobs, let those under way come to their next gate, put the rest back; a few seconds at most."""
        self._stopping.set()
        for consumer in self._consumers:
            consumer.stop()
        self._mending.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            for task in [*self._under_way]:
                task.cancel()
            if late:
                _, late = await asyncio.wait(late, timeout=STOP_SECONDS / 3)
            for task in late:
                task.cancel()
        with suppress(asyncio.CancelledError):
            await self._mending
        await self._recorder.close()
        await self._maths.close()
        await self._vision.close()
        await close_readers()
        if self._chat is not None:
            await self._chat.aclose()
        await self._redis.aclose()
        await self._pool.close(timeout=1)

    def _guarded(self, work: Handler) -> Handler:
        """A handler whose work can be broken off at the stop; its job then goes back to the queue as it is."""

        async def handle(taken: Taken) -> None:
            if self._stopping.is_set():
                raise Again
            task = asyncio.ensure_future(work(taken))
            self._under_way.add(task)
            try:
                await asyncio.wait({task})
            finally:
                self._under_way.discard(task)
                task.cancel()
            if task.cancelled():
                raise Again
            task.result()

        return handle

    async def _grade(self, taken: Taken) -> None:
        """The "grade" job: one paper of one run. Every line that is logged meanwhile names both."""
        ids = {"run": taken.payload["run_id"], "paper": taken.payload["paper_id"]}
        try:
            with structlog.contextvars.bound_contextvars(**ids):
                await self._grade_paper(taken)
        except Again:
            raise
        except Exception as error:
            if not is_away(error):
                raise
            raise Again(min(60.0, 2.0**taken.attempts)) from error

    async def _grade_paper(self, taken: Taken) -> None:
        run_id, paper_id = int(taken.payload["run_id"]), int(taken.payload["paper_id"])
        turn = Turn(self._first_steps)
        try:
            await turn.take()
            async with self._database.begin() as db:
                result, number = await claims.claim(db, run_id, paper_id, taken.id)
            # After the commit: what is known of the run from before it does not show this claim.
            claimed = time.monotonic()
            if result is ClaimResult.BUSY:
                raise Again(BUSY_SECONDS)
            if result is ClaimResult.MINE:
                await self._grade_mine(PaperGate(self._gates, run_id, paper_id, number, claimed), taken, turn)
        finally:
            turn.give()

    async def _grade_mine(self, gate: PaperGate, taken: Taken, turn: Turn) -> None:
        """Grade a claimed paper and let go of it, whatever comes of it."""
        try:
            await self._grade_claimed(gate, turn)
        except Stopped:
            let = await self._let_go(gate, RunPaperState.WAITING)
            if self._stopping.is_set():
                raise Again from None
            if let is not None and let.running:
                # Gone on with before this paper had stopped.
                raise Again(BUSY_SECONDS) from None
        except ProblemError as problem:
            await self._let_go(gate, RunPaperState.FAILED, problem.text)
        except Exception as error:
            if is_away(error) or taken.attempts < MOST_TRIES:
                log.warning("grading put back", error=type(error).__name__)
                raise Again(min(60.0, 2.0**taken.attempts)) from error
            log.exception("grading failed")
            await self._let_go(gate, RunPaperState.FAILED, Text(FAILED, {"error": type(error).__name__}))
        else:
            await self._let_go(gate, RunPaperState.DONE)

    async def _grade_claimed(self, gate: PaperGate, turn: Turn) -> None:
        """Grade a paper that is ours, or go on with it. Raises Stopped, ProblemError, or what went wrong."""
        async with self._database.begin() as db:
            order = await claims.order(db, gate.run_id, gate.paper_id)
        if order is None:
            raise Stopped
        plan = Plan.of(order.run, order.assignment)
        try:
            graders = await self._graders(plan, gate)
        except ProblemError as problem:
            # No usable model: every paper would fail alike, so the run waits for somebody to mend the settings.
            await self._pause(plan, problem.text)
            raise Stopped from problem
        legibility = Legibility(self._database, gate.paper_id)
        sink = StoringSink(
            self._database, self._recorder, plan, gate.paper_id, self._patiently, turn.give, legibility
        )
        engine = Engine(
            read=lambda: self._read(order.paper),
            scheme=plan.scheme,
            graders=graders,
            sink=sink,
            gate=gate,
            options=replace(plan.options, scope=frozenset(order.labels)),
            limit=self._model_limit if plan.options.use_model else self._local_limit,
        )
        result = await grade_paper(self._graph, engine, thread_of(gate.run_id, gate.paper_id))
        await self._make_sure(gate, sink, result)

    async def _make_sure(self, gate: PaperGate, sink: StoringSink, result: PaperResult) -> None:
        """Tell marks again that the database has lost: it may have crashed before a commit reached its disk."""
        async with self._database.begin() as db:
            missing = await claims.ungraded(db, gate.run_id, gate.paper_id)
        answers = {answer.label: answer for answer in result.located.answers}
        for mark in result.marks:
            if mark.label in missing:
                log.warning("mark told again")
                await sink.marked(answers[mark.label], mark)

    async def _graders(self, plan: Plan, gate: PaperGate) -> Graders:
        """The graders of a run, kept while its scheme is the same; the model's answers are kept by paper."""
        key = (plan.run_id, plan.scheme_version)
        if key not in self._kept:
            marks = DecidedMarks(self._database, plan.question_ids, self._stopping)
            # The first call imports numpy and more.
            self._kept[key] = await asyncio.to_thread(make_graders, None, marks, self._maths), marks
            while len(self._kept) > RUNS_KEPT:
                self._kept.popitem(last=False)
        graders, marks = self._kept[key]
        if not plan.options.use_model:
            return graders
        from app.grading.graders.model import ModelGrader

        return replace(graders, model=ModelGrader(self._model(gate), marks, await self._names(plan)))

    async def _names(self, plan: Plan) -> Names:
        """Whom the model must not know: the class as it is now, for a student may have come since the run began."""
        async with self._database.begin() as db:
            students = await classes.students(db, plan.class_id)
        return Names.of(Person(student.name, student.number) for student in students)

    def _model(self, gate: PaperGate) -> ChatModel:
        settings = self._settings
        if self._chat is None:
            self._chat = connect(
                settings.llm_provider,
                settings.llm_base_url,
                settings.llm_api_key.get_secret_value(),
                settings.llm_model,
                timeout_seconds=settings.llm_timeout,
                max_retries=MODEL_RETRIES,
                max_parallel=settings.max_parallel_workers,
            )
        chat = MeteredChat(self._chat)
        if not settings.enable_cache:
            return chat
        place = thread_of(gate.run_id, gate.paper_id)
        return CachedChat(chat, self._redis, place, settings.cache_ttl)

    async def _read(self, paper: Paper) -> Document:
        if paper.pages is not None:
            return Document.from_json(paper.pages)
        return await self._reader.read(paper)

    async def _patiently(self, call: Callable[[], Awaitable[None]]) -> None:
        await patiently(call, self._stopping)

    async def _let_go(
        self, gate: PaperGate, state: RunPaperState, problem: Text | None = None
    ) -> LetGo | None:
        """Give a paper back; tell the open pages; forget the checkpoints of a finished one."""

        async def give_back() -> LetGo | None:
            async with self._database.begin() as db:
                return await claims.let_go(db, gate.run_id, gate.paper_id, gate.claim, state, problem)

        let = await patiently(give_back, self._stopping)
        if let is None:
            return None
        if problem is not None:
            await self._bus.publish(PaperChanged(let.assignment_id, gate.paper_id))
        self._recorder.moved(gate.run_id, let.assignment_id)
        if state is not RunPaperState.WAITING:
            await self._saver.adelete_thread(thread_of(gate.run_id, gate.paper_id))
        if let.ended:
            log.info("run finished")
        return let

    async def _pause(self, plan: Plan, reason: Text) -> None:
        async with self._database.begin() as db:
            await runs.pause_by_itself(db, plan.run_id, reason)
        self._recorder.moved(plan.run_id, plan.assignment_id)

    async def _mend_forever(self) -> None:
        """Now and then, look for what fell between two transactions or two processes."""
        while not self._stopping.is_set():
            try:
                await self._mend()
            except Exception as error:
                log.warning("mending put off", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), MEND_SECONDS)

    async def _mend(self) -> None:
        async with self._database.begin() as db:
            ended = [(run.assignment_id, run.id) for run in await claims.mend(db)]
            await forget_finished(db)
        await self._reader.close_left()
        await self._bus.publish(*(RunChanged(assignment_id, run_id) for assignment_id, run_id in ended))
        threads = await self._saver.threads()
        if threads:
            async with self._database.begin() as db:
                open_places = await claims.open_places(db, {run for run, _ in threads})
            over = [thread_of(*place) for place in threads if place not in open_places]
            await self._saver.aprune(over, strategy="delete")


class Turn:
    """A paper's permit for its first steps, given back once."""

    def __init__(self, permits: asyncio.Semaphore) -> None:
        self._permits = permits
        self._taken = False

    async def take(self) -> None:
        """Wait for a permit."""
        await self._permits.acquire()
        self._taken = True

    def give(self) -> None:
        """Give it back, if that has not been done."""
        if self._taken:
            self._taken = False
            self._permits.release()


def thread_of(run_id: int, paper_id: int) -> str:
    """The checkpoints' name of a paper in a run."""
    return f"{run_id}:{paper_id}"


def main(settings: Settings) -> None:
    """`zhupi worker`: read and grade until SIGTERM or SIGINT."""
    import uvloop

    load(settings)
    settle()
    uvloop.run(_alone(settings))


async def _alone(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = Database(settings.sqlalchemy_url)
    bus = Bus(settings.redis_url.get_secret_value())
    worker = Worker(settings, database, bus, Storage(settings.uploads, settings.var_dir / "spool"))
    await worker.start()
    log.info("worker started", model_calls_at_once=settings.max_parallel_workers)
    try:
        async with Heartbeat(settings.heartbeat_file):
            await stop.wait()
    finally:
        await worker.stop()
        await bus.close()
        await database.close()
        log.info("worker stopped")
