"""The page behind an invitation's link: choose a password, then sign in and enrol a second factor."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from statuspage import inviting


@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    person = inviting.find(uid=uid, token=token)
    if person is None:
        return render(request, "account/invitation.html", status=404)
    form: SetPasswordForm[User] = SetPasswordForm(person, request.POST or None)
    if request.method == "POST" and form.is_valid():
        inviting.accept(person=person, password=form.cleaned_data["new_password1"], now=timezone.now())
        messages.success(request, "Your password is kept. Sign in with it.")
        return redirect("account_login")
    return render(request, "account/invitation.html", {"form": form, "invited": person}, status=422 if form.errors else 200)
