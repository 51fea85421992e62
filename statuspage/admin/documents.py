"""Pages of what is said beside incident updates, one way for all kinds: write, ask, sign, send back, tick, publish, discard.

A kind adds its form, its operations and its template. Rules stand in incidents; publishing is statuspage.publishing's alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from incidents import documents, signing, ticks
from incidents.blockers import Blocker
from incidents.drafts import TimelineError
from incidents.languages import codes
from incidents.models import AuditEvent
from incidents.models.publishable import Document
from incidents.public_ids import new_public_id
from incidents.words import Publication
from statuspage import document_blockers, publishing
from statuspage.admin.addresses import telling_of
from statuspage.admin.base import DeskAdmin, person, require
from statuspage.admin.columns import display
from statuspage.admin.document_forms import WordsForm
from statuspage.admin.views import Gate, gates_at
from statuspage.templatetags.desk import moment

Kind = TypeVar("Kind", bound=Document)
_MADE = "desk_made"  # in the session: where the last form of something new led, by its token
_ACTS = ("sign", "ask", "send-back", "publish", "discard", "tick")


@dataclass(frozen=True, slots=True)
class Rights:
    """The permissions that a kind of document asks for."""

    see: str = "incidents.view_incidentupdate"
    write: str = "incidents.change_incidentupdate"
    sign: str = "incidents.sign_incidentupdate"
    publish: str = "incidents.publish_incidentupdate"


class DocumentAdmin(DeskAdmin, Generic[Kind]):
    """A kind of document. Subclasses give `form_class`, `template`, `start`, `keep`, `facts` and `publish`."""

    rights: ClassVar[Rights] = Rights()
    form_class: ClassVar[type[WordsForm]]
    template: ClassVar[str]
    thing: ClassVar[str]  # in sentences: “This announcement is public.”

    # --- What a kind says ---

    def start(self, document: Kind) -> dict[str, Any]:
        """What its form begins with."""
        raise NotImplementedError

    def keep(self, document: Kind, form: Any, *, actor: User, now: datetime) -> Kind:
        """Keep what was written. Raises TimelineError."""
        raise NotImplementedError

    def facts(self, document: Kind) -> list[tuple[str, str]]:
        """What readers get beside the words: (label, value)."""
        raise NotImplementedError

    def publish(self, document: Kind, *, actor: User, now: datetime) -> Kind:
        """Raises publishing.Blocked."""
        raise NotImplementedError

    def sign(self, document: Kind, *, request: HttpRequest, signer: User, now: datetime) -> Kind:
        return signing.sign(item=document, signer=signer, now=now, seen_hash=request.POST.get("seen_hash", ""))

    def further(self, request: HttpRequest, document: Kind) -> dict[str, Any]:
        """More for its template."""
        return {}

    def form_for(self, document: Kind, data: Any = None) -> WordsForm:
        return self.form_class(data, start={"seen_at": document.updated_at.isoformat(), **self.start(document)})

    def gates(self, document: Kind, blockers: Sequence[Blocker]) -> list[Gate]:
        """What forbids it, each with a link to where it is mended."""
        return gates_at(blockers)

    def title(self, document: Kind) -> str:
        return f"{self.thing.capitalize()} {document.public_id}"

    def public_url(self, document: Kind) -> str:
        """Where readers find it once it is public; "" where it has no page of its own."""
        return ""

    # --- Lists ---

    @display(description="Signature")
    def signature(self, document: Document) -> str:
        return signature_words(document)

    @display(description="Published or changed", ordering="updated_at")
    def changed(self, document: Document) -> str:
        return moment(document.published_at or document.updated_at)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return person(request).has_perm(self.rights.see)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return person(request).has_perm(self.rights.write)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return person(request).has_perm(self.rights.write)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.rights.see)

    # --- Addresses ---

    @property
    def _name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def url(self, document: Document, act: str = "change") -> str:
        return reverse(f"admin:{self._name}_{act}", args=[document.pk])

    def get_urls(self) -> list[URLPattern]:
        acts: dict[str, Callable[..., HttpResponse]] = {
            "sign": self.sign_view,
            "ask": self.ask_view,
            "send-back": self.send_back_view,
            "publish": self.publish_view,
            "discard": self.discard_view,
            "tick": self.tick_view,
            **self.acts(),
        }
        own = [
            path(f"<int:pk>/{act}/", self.admin_site.admin_view(view), name=f"{self._name}_{act}") for act, view in acts.items()
        ]
        return [*own, *super().get_urls()]

    def acts(self) -> dict[str, Callable[..., HttpResponse]]:
        """Acts of this kind alone: the view of each gets the request and the primary key."""
        return {}

    def found(self, pk: int | str) -> Kind:
        row: Kind = get_object_or_404(self.model._default_manager.select_related("author", "signed_by", "published_by"), pk=pk)
        return row

    # --- A new one ---

    def new_start(self, request: HttpRequest) -> dict[str, Any]:
        """What the form of a new one begins with."""
        return {}

    def new_form(self, request: HttpRequest, data: Any = None) -> WordsForm:
        return self.form_class(data, start=self.new_start(request))

    def create(self, form: Any, *, request: HttpRequest, actor: User, now: datetime) -> Kind:
        """Keep a new draft. Raises TimelineError."""
        raise NotImplementedError

    def new_context(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        actor = require(request, self.rights.write)
        status, form, token = 200, self.new_form(request), request.POST.get("token") or new_public_id()
        if request.method == "POST":
            if made_before := request.session.get(_MADE, {}).get(token):
                return redirect(made_before)  # pressed twice, or again after the network was lost
            form = self.new_form(request, request.POST)
            status = 422
            if form.is_valid():
                try:
                    made = self.create(form, request=request, actor=actor, now=timezone.now())
                except TimelineError as refusal:
                    form.add_error(None, str(refusal))
                else:
                    request.session[_MADE] = {token: self.url(made)}
                    return self._go_on_from_new(request, made, actor)
        context = {
            "title": f"New {self.thing}",
            "form": form,
            "thing": self.thing,
            "token": token,
            "fields_template": self.fields_template,
            "in_focus": True,
        }
        return self.page(request, "document_new.html", status=status, **{**context, **self.new_context(request)})

    def _go_on_from_new(self, request: HttpRequest, made: Kind, actor: User) -> HttpResponse:
        """The draft is kept, whatever the pressed button then meets."""
        try:
            return self.go_on(request, made, actor, timezone.now())
        except TimelineError as refusal:
            messages.error(request, f"The draft is kept. {refusal}")
            return redirect(self.url(made))

    @property
    def fields_template(self) -> str:
        return f"admin/desk/_{self.template}"

    # --- Read and write ---

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A draft to write for who may; else, and once it is public, the same words to read."""
        require(request, self.rights.see)
        document = self.found(object_id)
        if request.method != "POST":
            return self.show(request, document)
        actor = require(request, self.rights.write)
        if document.publication != Publication.DRAFT:
            messages.info(request, f"This {self.thing} is no draft any more: nothing was changed.")
            return redirect(self.url(document))
        return self._write(request, document, actor, timezone.now())

    def _write(self, request: HttpRequest, document: Kind, actor: User, now: datetime) -> HttpResponse:
        form = self.form_for(document, request.POST)
        if not form.is_valid():
            return self.show(request, document, form=form, status=422)
        try:
            kept = self.keep(document, form, actor=actor, now=now) if form.has_changed() else document
        except TimelineError as refusal:
            return self._refused(request, self.found(document.pk), str(refusal))
        try:
            return self.go_on(request, kept, actor, now)
        except TimelineError as refusal:
            return self.show(request, self.found(kept.pk), status=409, refusal=str(refusal))

    def _refused(self, request: HttpRequest, theirs: Kind, refusal: str) -> HttpResponse:
        """Both texts on one page: ours in the fields, theirs beside. Keeping ours is a choice, made by pressing again."""
        data = request.POST.copy()
        data["seen_at"] = theirs.updated_at.isoformat()
        last = AuditEvent.objects.filter(target=theirs.public_id).first()
        is_newer = request.POST.get("seen_at", "") != data["seen_at"]
        more: dict[str, Any] = {"theirs": words_of(theirs), "last_act": last} if is_newer else {}
        return self.show(request, theirs, form=self.form_for(theirs, data), status=409, refusal=refusal, **more)

    def go_on(self, request: HttpRequest, document: Kind, actor: User, now: datetime) -> HttpResponse:
        """What the pressed button asks for, once the words are kept."""
        act = request.POST.get("act", "keep")
        if act == "publish":
            return self._publish(request, document)
        if act == "ask":
            signing.request(item=document, actor=actor, now=now)
            messages.success(request, "It waits for a signature. The approvers see it on their dashboard.")
        else:
            messages.success(request, "The draft is kept. Nothing of it is public yet.")
        return redirect(self.url(document))

    def show(
        self,
        request: HttpRequest,
        document: Kind,
        *,
        status: int = 200,
        form: WordsForm | None = None,
        blockers: list[Blocker] | None = None,
        **more: Any,
    ) -> HttpResponse:
        now, user = timezone.now(), person(request)
        is_draft = document.publication == Publication.DRAFT
        if form is None and is_draft and user.has_perm(self.rights.write):
            form = self.form_for(document)
        found = document_blockers.still_standing(document, now=now) if blockers is None else blockers
        context = {
            **self._about(request, document),
            "title": self.title(document),
            "form": form,
            "in_focus": form is not None,
            "fields_template": self.fields_template,
            "gates": self.gates(document, found),
            **self.further(request, document),
            **more,
        }
        return self.page(request, self.template, status=status, **context)

    def _about(self, request: HttpRequest, document: Kind) -> dict[str, Any]:
        user = person(request)
        acts = list(AuditEvent.objects.filter(target=document.public_id)[:20])
        is_draft = document.publication == Publication.DRAFT
        ticked = ticks.ticked(document) if is_draft else set()
        return {
            "document": document,
            "thing": self.thing,
            "said": words_of(document),
            "facts": self.facts(document),
            "signature": signature_words(document),
            "signature_state": signing.signature_state(document),
            "is_draft": is_draft,
            "acts": acts,
            "sent_back": acts[0] if acts and acts[0].act == f"{document.noun}.send_back" else None,
            "locked": [(one, one.code in ticked) for one in ticks.locked_in(document)] if is_draft else [],
            "urls": {act.replace("-", "_"): self.url(document, act) for act in (*_ACTS, "change")},
            "public_url": self.public_url(document) if document.is_published else "",
            "telling_url": telling_of(document) if document.is_published else "",
            "may_write": user.has_perm(self.rights.write),
            "may_sign": user.has_perm(self.rights.sign) and not signing.has_written(user, document),
            "may_publish": user.has_perm(self.rights.publish),
            "may_tick": user.has_perm(ticks.PERMISSION),
        }

    # --- Four eyes ---

    def sign_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Another person reads exactly what goes out, and signs it; with the second button it goes out at once."""
        signer = require(request, self.rights.sign)
        document = self.found(pk)
        if document.publication != Publication.DRAFT:
            return redirect(self.url(document))
        if request.method != "POST":
            return self._sign_page(request, document)
        try:
            signed = self.sign(document, request=request, signer=signer, now=timezone.now())
        except (signing.SigningRefused, TimelineError) as refusal:
            return self._sign_page(request, self.found(pk), refusal=str(refusal))
        is_whole = signing.signature_state(signed) == "valid"
        if is_whole and request.POST.get("act") == "publish":
            return self._publish(request, signed)
        after = "It goes out when someone presses Publish." if is_whole else "Another role must sign it too."
        messages.success(request, f"Signed. {after}")
        return redirect(self.url(signed))

    def _sign_page(self, request: HttpRequest, document: Kind, *, refusal: str = "") -> HttpResponse:
        others = [
            blocker
            for blocker in document_blockers.still_standing(document, now=timezone.now())
            if blocker.field not in ("signature", "state")
        ]
        context = {
            **self._about(request, document),
            "title": f"Sign: {self.title(document)}",
            "refusal": refusal,
            "in_focus": True,
            "seen_hash": signing.content_hash(document),
            "gates": self.gates(document, others),
            **self.further(request, document),
        }
        return self.page(request, "document_sign.html", status=403 if refusal else 200, **context)

    def ask_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        actor = require(request, self.rights.write)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        document = self.found(pk)
        signing.request(item=document, actor=actor, now=timezone.now())
        messages.success(request, "It waits for a signature. The approvers see it on their dashboard.")
        return redirect(self.url(document))

    def send_back_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        signer = require(request, self.rights.sign)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        document = self.found(pk)
        try:
            signing.send_back(item=document, signer=signer, reason=request.POST.get("reason", ""), now=timezone.now())
        except signing.SigningRefused as refusal:
            return self._sign_page(request, document, refusal=str(refusal))
        messages.success(request, "Sent back. The author sees your reason on the draft.")
        return redirect("admin:index")

    def tick_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """An engineer confirms one locked phrase."""
        engineer = require(request, ticks.PERMISSION)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        document = self.found(pk)
        code, ground = request.POST.get("code", ""), request.POST.get("ground", "")
        try:
            ticks.tick(item=document, code=code, engineer=engineer, ground=ground, now=timezone.now())
        except signing.SigningRefused as refusal:
            return self.show(request, document, status=403, refusal=str(refusal))
        messages.success(request, "Confirmed in these words. If they change, it is asked again.")
        return redirect(self.url(document))

    # --- Publish, discard ---

    def publish_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        require(request, self.rights.publish)
        if request.method != "POST":
            return redirect(self.url(self.found(pk)))
        return self._publish(request, self.found(pk))

    def _publish(self, request: HttpRequest, document: Kind) -> HttpResponse:
        actor = person(request)
        if not actor.has_perm(self.rights.publish):
            raise PermissionDenied
        try:
            published = self.publish(document, actor=actor, now=timezone.now())
        except publishing.Blocked as refusal:
            return self.show(request, self.found(document.pk), status=409, blockers=refusal.blockers, was_refused=True)
        return redirect(telling_of(published) or self.url(published))

    def discard_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        actor = require(request, self.rights.write)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        document = self.found(pk)
        documents.discard(document=document, actor=actor, now=timezone.now(), reason=request.POST.get("reason", "").strip())
        messages.success(request, "The draft is discarded. Its words are kept for later questions.")
        return redirect("admin:index")


def words_of(document: Document) -> list[tuple[str, list[tuple[str, str]]]]:
    """Its texts as readers get them: (what, [(language code, text), ...]); "" as code where a text has no language."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, words in document.texts().items():
        subject, _, language = name.rpartition(".")
        if language not in codes():
            subject, language = name, ""
        found.setdefault(subject, []).append((language, words))
    return [(_label(subject), pairs) for subject, pairs in found.items() if any(words for _, words in pairs)]


def _label(subject: str) -> str:
    """prevention_what_1 -> Prevention what 1; evidence.0.what -> Evidence 1, what."""
    parts = [str(int(part) + 1) if part.isdecimal() else part.replace("_", " ") for part in subject.split(".")]
    return " ".join(parts).capitalize()


def signature_words(document: Document) -> str:
    state = signing.signature_state(document)
    if state == "void":
        return "Changed after it was signed"
    if state == "none":
        return "Asked for" if document.signature_requested_at else "None yet"
    if document.signature_kind == "notice":
        return "In signed words"
    return f"Signed by {document.signed_by}, {moment(document.signed_at)}"
