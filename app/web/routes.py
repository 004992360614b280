"""The one route table: every address, its handler and its name."""

from __future__ import annotations

from aiohttp import web

from app.web import (
    account,
    assignments,
    board_preview,
    class_settings,
    classes,
    classroom,
    connected,
    covers,
    decide,
    events,
    exports,
    health,
    home,
    kiosk,
    kiosk_stream,
    metrics,
    misconceptions,
    page_image,
    page_region,
    page_text,
    page_view,
    paper,
    paper_changes,
    paper_file,
    papers,
    piles,
    quiz,
    quiz_phone,
    quiz_state,
    results,
    roster,
    roster_import,
    run,
    scheme,
    scheme_edit,
    screens,
    sent,
    set_up,
    sign_in,
    stream,
    upload,
    upload_pile,
    users,
    watching,
)


def add(app: web.Application) -> None:
    """Register all pages and actions."""
    router = app.router
    router.add_get("/health", health.summary, name="health")
    router.add_get("/metrics", metrics.show, name="metrics")
    router.add_get("/health/live", health.live, name="health-live")
    router.add_get("/health/ready", health.ready, name="health-ready")
    router.add_get("/", home.show, name="home")
    router.add_get("/events", watching.of_teacher, name="home_events", allow_head=False)
    router.add_get("/sign-in", sign_in.show, name="signin")
    router.add_post("/sign-in", sign_in.submit, name="signin-submit")
    router.add_post("/sign-out", sign_in.sign_out, name="signout")
    router.add_post("/language", sign_in.set_language, name="set-language")
    router.add_get("/set-up/{token}", set_up.show, name="set-up")
    router.add_post("/set-up/{token}", set_up.submit, name="set-up-submit")
    router.add_get("/account", account.show, name="account")
    router.add_post("/account", account.save, name="account_save")
    router.add_post("/account/password", account.change_password, name="account_password")
    router.add_get("/users", users.show, name="users")
    router.add_post("/users", users.create, name="user_create")
    router.add_post("/users/{user}/disable", users.disable, name="user_disable")
    router.add_post("/users/{user}/enable", users.enable, name="user_enable")
    router.add_post("/users/{user}/password", users.reset_password, name="user_password")

    router.add_get("/classes/new", classes.new_page, name="class_new")
    router.add_post("/classes", classes.create, name="class_create")
    router.add_get("/classes/{id}", classes.show, name="class_page")
    router.add_get("/classes/{id}/events", watching.of_class, name="class_events", allow_head=False)
    router.add_get("/classes/{id}/settings", class_settings.show, name="class_settings")
    router.add_post("/classes/{id}/settings", class_settings.rename, name="class_rename")
    router.add_post("/classes/{id}/archive", class_settings.put_away, name="class_archive")
    router.add_post("/classes/{id}/restore", class_settings.bring_back, name="class_restore")
    router.add_post("/classes/{id}/delete", class_settings.delete, name="class_delete")
    router.add_post("/classes/{id}/teachers", class_settings.share, name="class_share")
    router.add_post("/classes/{id}/teachers/{user}/remove", class_settings.unshare, name="class_unshare")
    router.add_get("/classes/{id}/students", roster.show, name="roster")
    router.add_post("/classes/{id}/students", roster.add, name="student_add")
    router.add_post("/classes/{id}/students/{student}", roster.change, name="student_change")
    router.add_post("/classes/{id}/students/{student}/remove", roster.remove, name="student_remove")
    router.add_get("/classes/{id}/import", roster_import.show, name="roster_import")
    router.add_post("/classes/{id}/import", roster_import.read, name="roster_read")
    router.add_get("/classes/{id}/import/{token}", roster_import.preview, name="roster_preview")
    router.add_post("/classes/{id}/import/{token}", roster_import.take, name="roster_take")

    router.add_get("/assignments/{id}/papers", papers.show, name="papers")
    router.add_post("/assignments/{id}/papers", upload.submit, name="papers_upload")
    router.add_post("/assignments/{id}/papers/match", papers.match_again, name="papers_match")
    router.add_post("/assignments/{id}/piles/{token}/close", upload_pile.end, name="pile_end")
    router.add_get("/assignments/{id}/covers", covers.show, name="covers")
    router.add_get("/piles/{id}", piles.show, name="pile")
    router.add_post("/piles/{id}/arrange", piles.arrange, name="pile_arrange")
    router.add_post("/piles/{id}/settle", piles.settle, name="pile_settle")
    router.add_post("/piles/{id}/undo", piles.undo, name="pile_undo")
    router.add_post("/piles/{id}/again", piles.again, name="pile_again")
    router.add_post("/piles/{id}/remove", piles.remove, name="pile_remove")
    router.add_get("/assignments/{id}/sent", sent.show, name="sent")
    router.add_get("/sent/{id}/image", sent.image, name="sent_image")
    router.add_get("/papers/{id}/row", papers.row, name="paper_row")
    router.add_post("/papers/{id}/student", papers.confirm, name="paper_confirm")
    router.add_post("/papers/{id}/read", papers.read_again, name="paper_read")
    router.add_post("/papers/{id}/remove", papers.remove, name="paper_remove")
    router.add_get("/papers/{id}/file", paper_file.show, name="paper_file")

    router.add_get("/classes/{id}/assignments/new", assignments.new_page, name="assignment_new")
    router.add_post("/classes/{id}/assignments/new", assignments.create, name="assignment_create")
    router.add_get("/assignments/{id}", assignments.open_, name="assignment")
    router.add_post("/assignments/{id}/rename", assignments.rename, name="assignment_rename")
    router.add_post("/assignments/{id}/duplicate", assignments.duplicate, name="assignment_duplicate")
    router.add_post("/assignments/{id}/delete", assignments.delete, name="assignment_delete")
    router.add_post("/assignments/{id}/options", assignments.set_options, name="assignment_options")
    router.add_get("/assignments/{id}/scheme", scheme.show, name="scheme")
    router.add_get("/assignments/{id}/scheme.txt", scheme.download, name="scheme_download")
    router.add_get("/assignments/{id}/scheme/text", scheme.text_page, name="scheme_text")
    router.add_post("/assignments/{id}/scheme/text", scheme.save_text, name="scheme_text_save")
    router.add_post("/assignments/{id}/scheme/notes", scheme.notes_seen, name="scheme_notes_seen")
    router.add_post("/assignments/{id}/questions", scheme_edit.add, name="question_add")
    router.add_post("/assignments/{id}/questions/undo", scheme_edit.undo, name="question_undo")
    router.add_post(r"/assignments/{id}/questions/{question:\d+}", scheme_edit.save, name="question_save")
    router.add_post(
        r"/assignments/{id}/questions/{question:\d+}/move", scheme_edit.move, name="question_move"
    )
    router.add_post(
        r"/assignments/{id}/questions/{question:\d+}/delete", scheme_edit.delete, name="question_delete"
    )

    stream.setup(app)
    router.add_get("/assignments/{id}/run", run.show, name="run")
    router.add_post("/assignments/{id}/run/start", run.start, name="run_start")
    router.add_post("/assignments/{id}/run/change", run.change, name="run_change")
    router.add_get("/assignments/{id}/events", events.stream, name="events", allow_head=False)

    router.add_get("/kiosk", kiosk.show, name="kiosk")
    router.add_get("/kiosk/pairing", kiosk.pairing_state, name="kiosk_pairing")
    router.add_get("/assignments/{id}/classroom", classroom.show, name="classroom")
    router.add_post("/assignments/{id}/classroom/cover", classroom.cover_all, name="classroom_cover")
    router.add_post("/assignments/{id}/classroom/language", classroom.speak, name="classroom_language")
    router.add_post("/assignments/{id}/screens", screens.pair, name="screen_pair")
    router.add_post("/screens/{id}/move", screens.move, name="screen_move")
    router.add_post("/screens/{id}/unpair", screens.unpair, name="screen_unpair")
    router.add_get("/pair", screens.scanned, name="pair")
    router.add_post("/pair", screens.pair_scanned, name="pair_scanned")
    router.add_get("/assignments/{id}/misconceptions", misconceptions.show, name="misconceptions")
    router.add_post("/assignments/{id}/misconceptions", misconceptions.save, name="misconceptions_save")
    router.add_get("/boards/{id}", board_preview.show, name="board")
    router.add_post("/boards/{id}/cover", classroom.cover_one, name="board_cover")
    connected.setup(app)
    router.add_get("/kiosk/events", kiosk_stream.screen, name="kiosk_events", allow_head=False)
    router.add_get("/boards/{id}/events", kiosk_stream.preview, name="board_events", allow_head=False)

    router.add_get("/papers/{id}", paper.show, name="paper")
    router.add_get("/papers/{id}/changes", paper_changes.show, name="paper_changes")
    router.add_post("/papers/{id}/regrade", page_text.grade_again, name="paper_regrade")
    page_image.setup(app)
    router.add_get("/pages/{id}", page_view.show, name="page")
    router.add_get("/pages/{id}/image", page_image.show, name="page_image")
    router.add_post("/pages/{id}/text", page_text.save, name="page_text")
    router.add_post("/pages/{id}/region", page_region.region, name="page_region")
    router.add_post("/pages/{id}/read", page_region.read_again, name="page_read")
    router.add_post("/papers/{id}/accept", decide.accept_paper, name="paper_accept")
    router.add_post("/papers/{id}/questions/{question}", decide.submit, name="mark_decide")
    results.setup(app)
    router.add_get("/assignments/{id}/results", results.show, name="results")
    router.add_post("/assignments/{id}/grade-lines", results.set_grade_lines, name="grade_lines")
    router.add_get("/assignments/{id}/results.csv", exports.as_csv, name="results_csv")
    router.add_get("/assignments/{id}/results.xlsx", exports.as_xlsx, name="results_xlsx")

    quiz_state.setup(app)
    router.add_get("/assignments/{id}/quiz", quiz.show, name="quiz")
    router.add_post("/assignments/{id}/quiz", quiz.begin, name="quiz_begin")
    router.add_post("/assignments/{id}/quiz/{round}/reveal", quiz.reveal, name="quiz_reveal")
    router.add_post("/assignments/{id}/quiz/{round}/close", quiz.close, name="quiz_close")
    router.add_post("/assignments/{id}/quiz/{round}/pick", quiz.pick, name="quiz_pick")
    router.add_get("/q", quiz_phone.enter, name="quiz_enter")
    router.add_get("/q/{code}", quiz_phone.show, name="quiz_phone")
    router.add_post("/q/{code}", quiz_phone.submit, name="quiz_answer")
    router.add_get("/q/{code}/state", quiz_state.show, name="quiz_phone_state")
