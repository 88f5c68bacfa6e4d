"""Writes a C program that calls every function of the header with NULL and with garbage in
every position, one position at a time, everything else being right.

Usage: garbage.py HEADER > garbage.c

No call may crash, and none whose NULL or garbage is refused may say anything but
HARDSNAP_INVALID_ARGUMENT or HARDSNAP_INVALID_OPTION. A function with a type that is not
known here ends the run, so that a new one cannot go untested.
"""

import re
import sys

# A right value for each type of argument.
RIGHT = {
    "hardsnap_callback": "on_event",
    "void *": "NULL",
    "bool": "true",
    "int": "0",
    "hardsnap_status": "100",
    "int32_t": "0",
    "uint32_t": "1",
    "uint64_t": "1",
    "int64_t": "1767232800",
    "size_t": "1",
    "double": "5.0",
    "char *": "buffer",
    "const char *": '"/tmp"',
    "const char *const *": "names",
    "const int64_t *": "times",
    "const uint8_t *": "flags",
    "size_t *": "&length",
    "int64_t *": "&seconds",  # room for one
}
# Right values that a type alone does not tell, by the name of the argument.
NAMED = {
    "line": '"14 daily"',
    "zone": '"UTC"',
    "pattern": '"*.o"',
    "name": '"latest"',
    "note": '"note"',
    "min_free": '"1"',
    "every": '"1 day"',
    "from": "times[0]",
    "to": "times[0]",
    "capacity": "sizeof buffer",
    "source": "source",
    "source_length": "strlen(source)",
    "store_path": "path",
    "entry_path": "source",
    "given": "source",
    "snapshot": "names[0]",
    "a": "names[0]",
    "b": "names[0]",
    "target": "target",
    "target_length": "strlen(target)",
}
PATHS = ("source", "target", "basis", "store_path", "entry_path", "below", "given")
# By function and argument.
EXACT = {
    ("hardsnap_filter_add_lines", "name"): '"list"',
    ("hardsnap_filter_exclude_if_present", "name"): '"marker"',
    ("hardsnap_replicate_tree", "basis"): "NULL",
    ("hardsnap_replicate_tree", "basis_length"): "0",
    ("hardsnap_store_init", "length"): "strlen(path)",
    ("hardsnap_store_open", "length"): "strlen(path)",
    ("hardsnap_backup_options_add_source", "length"): "strlen(source)",
    ("hardsnap_catalog_entries", "below"): "source",
    ("hardsnap_catalog_entries", "length"): "strlen(source)",
    ("hardsnap_catalog_entry", "length"): "strlen(source)",
    ("hardsnap_catalog_versions", "length"): "strlen(source)",
    ("hardsnap_catalog_resolve", "length"): "strlen(source)",
    ("hardsnap_store_open_file", "snapshot"): "hardsnap_snapshot_name(a_snapshot)",
    ("hardsnap_store_open_file", "entry_path"): "file",
    ("hardsnap_store_open_file", "length"): "strlen(file)",
    ("hardsnap_store_restore", "name"): "names[0]",
    ("hardsnap_stored_file_read", "buffer"): "buffer",
}
GARBAGE = {
    "int32_t": ["-1", "INT32_MAX", "INT32_MIN"],
    "hardsnap_status": ["-1", "INT32_MAX", "INT32_MIN"],
    "uint32_t": ["UINT32_MAX"],
    "uint64_t": ["0", "UINT64_MAX"],
    "int64_t": ["INT64_MIN", "INT64_MAX", "-1"],
    "double": ["-1.0", "1e300", "(double)NAN", "-(double)INFINITY"],
    # A length is only garbage without something to read: hence the NULLs before.
    "size_t": [],
    "const char *": ['"\\xff\\xfe"', '""'],
}
HANDLES = [
    "backup_options", "cancel", "capabilities", "catalog", "change", "changes", "decisions",
    "damaged", "entries", "entry", "entry_version", "error", "event", "filter", "found", "found_path",
    "init_options", "path", "policy", "problem", "prune_plan", "report", "restore_options", "sizes",
    "snapshot", "snapshots", "store", "stored_file", "tree_options", "verify_options", "verify_report",
    "versions",
]
PROTOTYPE = re.compile(r"^([a-z_0-9 ]+?[ *]+)(hardsnap_\w+)\(([^;]*)\);", re.MULTILINE)


def arguments(text):
    """Splits the arguments of a prototype into types and names."""
    for argument in text.split(","):
        argument = " ".join(argument.split())
        if argument == "void":
            return
        match = re.fullmatch(r"(.*?)(\w+)", argument)
        kind = match[1].replace("struct ", "").strip()
        yield kind, match[2]


def right(function, kind, name):
    """A value that is right for an argument."""
    if (function, name) in EXACT:
        return EXACT[function, name]
    if name in NAMED and kind in ("const char *", "size_t", "int64_t"):
        return NAMED[name]
    if kind in RIGHT:
        return RIGHT[kind]
    if match := re.fullmatch(r"const hardsnap_(\w+) \*|hardsnap_(\w+) \*", kind):
        handle = match[1] or match[2]
        if handle in HANDLES:
            return f"a_{handle}"
    if match := re.fullmatch(r"(const )?hardsnap_(\w+) \*\*", kind):
        if match[2] in HANDLES:
            return f"&lent_{match[2]}" if match[1] else f"&out_{match[2]}"
    sys.exit(f"{function}: no value is known for `{kind} {name}`")


def wrong(kind, name):
    """Values that are wrong for an argument, or that may be."""
    if kind.endswith("*") or kind == "hardsnap_callback":
        yield "NULL"
    if kind == "const char *" and name in PATHS:
        # Any bytes are a path, and some would be made.
        return
    yield from GARBAGE.get(kind, [])


def main():
    with open(sys.argv[1], encoding="utf-8") as header:
        text = re.sub(r"/\*.*?\*/", "", header.read(), flags=re.DOTALL)
    print('#include "garbage.h"\n')
    print("void all_positions(void)\n{")
    functions = 0
    for result, function, parameters in PROTOTYPE.findall(text):
        if function == "hardsnap_provoke_panic":
            continue
        functions += 1
        known = list(arguments(parameters))
        frees = function.endswith("_free")
        values = [right(function, kind, name) for kind, name in known]
        calls = [] if frees else [values]
        for place, (kind, name) in enumerate(known):
            for value in wrong(kind, name):
                calls.append([*values[:place], value, *values[place + 1 :]])
        for call in calls:
            expression = f"{function}({', '.join(call)})"
            if result.strip() == "hardsnap_status" and function != "hardsnap_error_status":
                print(f"    judge({expression}, {'true' if call is values else 'false'},")
                print(f"          {function!r});".replace("'", '"'))
            elif result.strip() == "hardsnap_policy *" or function.endswith("_new"):
                handle = function.removeprefix("hardsnap_").removesuffix("_new")
                print(f"    hardsnap_{handle}_free({expression});")
            else:
                print(f"    (void){expression};" if result.strip() != "void" else f"    {expression};")
            print("    release();")
    print("}")
    if functions < 100:
        sys.exit(f"only {functions} prototypes were understood")


main()
