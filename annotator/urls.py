"""Every address. tests/web/test_access.py says who may open which."""

from django.contrib.auth import views as auth_views
from django.urls import URLPattern, URLResolver, include, path, reverse_lazy

from annotator.api.app import api
from annotator.views import (
    accounts,
    advice,
    confirm,
    creating,
    dashboard,
    downloads,
    home,
    issues,
    items,
    joining,
    kept,
    label,
    novelties,
    people,
    settings,
)

password_change = auth_views.PasswordChangeView.as_view(
    template_name="accounts/password.html", success_url=reverse_lazy("password-done")
)
password_done = auth_views.PasswordChangeDoneView.as_view(template_name="accounts/password_done.html")

of_project: list[URLPattern | URLResolver] = [
    path("", dashboard.project, name="project"),
    path("live/", dashboard.live, name="project-live"),
    path("figures.json", dashboard.figures, name="project-figures"),
    path("train/", dashboard.train, name="project-train"),
    path("state/", dashboard.move, name="project-state"),
    path("label/", label.label, name="label"),
    path("label/status/", label.status, name="label-status"),
    path("label/undo/", label.undo, name="answer-undo"),
    path("label/<int:query_id>/", label.submit, name="answer-submit"),
    path("confirm/", confirm.page, name="confirm"),
    path("confirm/decide/", confirm.decide, name="confirm-decide"),
    path("confirm/undo/", confirm.undo, name="confirm-undo"),
    path("advice/", advice.advice, name="advice"),
    path("advice/begin/", advice.begin, name="advice-begin"),
    path("issues/", issues.issues, name="issues"),
    path("issues/keep/", issues.keep, name="issues-keep"),
    path("issues/undo/", issues.undo, name="issues-undo"),
    path("issues/pairs/", issues.pairs, name="issue-pairs"),
    path("issues/<int:issue_id>/", issues.decide, name="issue-decide"),
    path("alike/", novelties.novelties, name="novelties"),
    path("alike/<int:novelty_id>/", novelties.novelty, name="novelty"),
    path("alike/<int:novelty_id>/promote/", novelties.promote, name="novelty-promote"),
    path("alike/<int:novelty_id>/dismiss/", novelties.dismiss, name="novelty-dismiss"),
    path("alike/<int:novelty_id>/again/", novelties.offer_again, name="novelty-again"),
    path("alike/<int:novelty_id>/confirm/", novelties.confirm, name="novelty-confirm"),
    path("people/<int:person_id>/", people.person, name="person"),
    path("items/", items.items, name="items"),
    path("items/<int:item_id>/", items.item, name="item"),
    path("items/<int:item_id>/image", items.image, name="item-image"),
    path("import/", creating.add_items, name="import"),
    path("labels.csv", downloads.labels_csv, name="labels-csv"),
    path("labels.jsonl", downloads.labels_jsonl, name="labels-jsonl"),
    path("settings/", settings.settings, name="settings"),
    path("settings/labels/", settings.add_labels, name="labels-add"),
    path("settings/invite/", settings.invite, name="invite"),
    path("settings/invitations/<int:invitation_id>/withdraw/", settings.withdraw, name="invitation-withdraw"),
    path("settings/people/<int:user_id>/remove/", settings.remove_person, name="person-remove"),
    path("settings/tokens/", settings.create_token, name="token-create"),
    path("settings/tokens/<int:token_id>/revoke/", settings.revoke_token, name="token-revoke"),
    path("delete/", settings.delete, name="project-delete"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("healthz", home.healthz, name="healthz"),
    path("strategies/", home.strategies, name="strategies"),
    path("sign-in/", accounts.sign_in, name="sign-in"),
    path("sign-out/", accounts.sign_out, name="sign-out"),
    path("account/password/", password_change, name="password"),
    path("account/password/done/", password_done, name="password-done"),
    path("kept-answer/", kept.kept_answer, name="kept-answer"),
    path("join/<str:token>/", joining.join, name="join"),
    path("projects/new/", creating.new, name="project-new"),
    path("projects/<slug:slug>/", include(of_project)),
    path("api/v1/", api.urls),
]
