"""Errors: what they are, what they carry, and by what they can be caught."""

from __future__ import annotations

import errno
import os
import pickle
import traceback
from pathlib import Path

import pytest

import hardsnap


def test_no_store_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(hardsnap.NotAStoreError) as caught:
        hardsnap.Store(tmp_path)
    error = caught.value
    assert isinstance(error, hardsnap.Error)
    assert str(error) == f"there is no store at {tmp_path}"
    assert error.code == "not_a_store" and error.filename == str(tmp_path)
    assert error.hint is not None and "init" in error.hint
    assert error.errno is None and error.filename2 is None


def test_the_systems_errors_are_those_of_python_too(
    store: hardsnap.Store, tmp_path: Path
) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(FileNotFoundError) as caught:
        store.backup(missing)
    error = caught.value
    assert isinstance(error, hardsnap.SourceUnavailableError)
    assert isinstance(error, OSError)
    assert error.errno == errno.ENOENT and error.strerror == os.strerror(errno.ENOENT)
    assert error.filename == str(missing) and error.filename2 is None
    assert str(missing) in str(error) and os.strerror(errno.ENOENT) in str(error)
    assert "os error" not in str(error)

    with pytest.raises(hardsnap.SourceUnavailableError):
        store.backup(missing)
    with pytest.raises(hardsnap.Error):
        store.backup(missing)


def test_an_error_of_no_other_kind_is_an_operation_error(
    source: Path, store: hardsnap.Store, tmp_path: Path
) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(hardsnap.OperationError) as caught:
        hardsnap.replicate_tree(source, missing / "target")
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.filename == str(missing / "target")
    with pytest.raises(hardsnap.OperationError) as caught:
        store.backup(source, exclude_from=[missing])
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.filename == str(missing)


def forbid(path: Path) -> None:
    """Takes all rights to a path away."""
    path.chmod(0)
    if os.access(path, os.R_OK, effective_ids=True):
        pytest.skip("this user may read everything")


def test_a_refusal_is_a_permission_error(store: hardsnap.Store, source: Path) -> None:
    forbid(source)
    try:
        with pytest.raises(PermissionError) as caught:
            store.backup(source / "folder")
    finally:
        source.chmod(0o700)
    assert isinstance(caught.value, hardsnap.SourceUnavailableError)
    assert caught.value.errno == errno.EACCES


def test_every_class_has_the_name_that_it_is_imported_by() -> None:
    for name in hardsnap.__all__:
        value = getattr(hardsnap, name)
        if name.endswith("Error"):
            assert issubclass(value, hardsnap.Error)
            assert f"{value.__module__}.{value.__qualname__}" == f"hardsnap.{name}"
            assert value.__doc__
    assert issubclass(hardsnap.OperationError, OSError)
    assert issubclass(hardsnap.NoSpaceError, OSError)
    assert issubclass(hardsnap.InvalidOptionError, ValueError)


def test_a_traceback_shows_kind_and_message(tmp_path: Path) -> None:
    try:
        hardsnap.Store(tmp_path)
    except hardsnap.Error as error:
        shown = traceback.format_exception_only(type(error), error)
        assert shown[0] == f"hardsnap.NotAStoreError: there is no store at {tmp_path}\n"


def test_errors_can_be_pickled(store: hardsnap.Store, tmp_path: Path) -> None:
    for cause in (tmp_path / "missing", tmp_path / "store"):
        with pytest.raises(hardsnap.Error) as caught:
            store.backup(cause)
        error = caught.value
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error) and again.hint == error.hint
        assert again.errno == error.errno and again.filename == error.filename


def test_the_lock_of_another_run_is_told(store: hardsnap.Store, source: Path) -> None:
    seen: list[hardsnap.StoreLockedError] = []

    def meanwhile(_: hardsnap.Progress) -> None:
        with pytest.raises(hardsnap.StoreLockedError) as caught:
            hardsnap.Store(store.path).backup(source)
        seen.append(caught.value)
        raise StopIteration

    for number in range(20_000):
        (source / f"{number:05}").touch()
    with pytest.raises(StopIteration):
        store.backup(source, progress=meanwhile, jobs=1)
    assert f"pid {os.getpid()}" in str(seen[0])
    assert seen[0].filename == str(store.path)


def test_a_problem_with_one_entry_is_in_the_report(
    store: hardsnap.Store, source: Path
) -> None:
    forbid(source / "folder" / "other")
    told: list[hardsnap.Problem | hardsnap.Notice] = []
    report = store.backup(source, notify=told.append)
    assert report.status == "partial"
    (problem,) = report.skipped
    assert problem.path == source / "folder" / "other"
    assert problem.operation == "open" and problem.errno == errno.EACCES
    assert str(problem) == f"cannot open {problem.path}: {problem.error}"
    assert problem in told
