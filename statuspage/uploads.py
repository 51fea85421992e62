"""No form of ours takes a file, so whoever sends one fills neither memory nor disk."""

from __future__ import annotations

from typing import Any, NoReturn

from django.core.exceptions import SuspiciousMultipartForm
from django.core.files.uploadhandler import FileUploadHandler


class Refused(FileUploadHandler):
    """400 at the first file of a form, before any of it is read. Without it strangers could fill the disk: Django writes a file
    down before it knows whose it is."""

    def new_file(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise SuspiciousMultipartForm("No form here takes a file.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> NoReturn:
        raise AssertionError("new_file refuses every file")

    def file_complete(self, file_size: int) -> None:
        return None
