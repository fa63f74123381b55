"""Mutations of what stands between a run and what can go wrong, for tests/mutations.py."""

FAULTS, INTERRUPTION = "common/faults.py", "common/interruption.py"
CAMPAIGN, DISTURBED, DATA = "bench/faults.py", "bench/disturbed.py", "common/data.py"

MUTATIONS = [
    # files
    (FAULTS, "            beside.unlink(missing_ok=True)\n            raise", "            raise"),
    (FAULTS, 'folder.glob(".*.[0-9]*.tmp")', 'folder.glob(".*.tmp")'),
    (FAULTS, "path.stat().st_mtime >= idle", "path.stat().st_mtime >= 0"),
    (FAULTS, "*() if held else (3600,)", "*()"),
    (FAULTS, "remove_leftovers(folder, *() if held else (3600,))", "pass"),
    # one run in a folder
    (FAULTS, "if held is False or (held and", "if (held and"),
    (FAULTS, "(held and not still_named(path, file))", "False"),
    (FAULTS, "            file.seek(0)\n", ""),
    (
        FAULTS,
        "except (BlockingIOError, PermissionError):\n        return False",
        "except ValueError: 0",
    ),
    (
        FAULTS,
        "    except OSError:\n        return None",
        "    except ValueError:\n        return None",
    ),
    (FAULTS, "                path.unlink()\n\n\ndef lock", "                pass\n\n\ndef lock"),
    (DATA, "ValueError, zlib.error)", "ValueError)"),
    # interruptions
    (INTERRUPTION, "self.status = 128 + number", "self.status = number"),
    (INTERRUPTION, "signal.setitimer(signal.ITIMER_REAL, 1, 1)", "pass"),
    (INTERRUPTION, "return  # a closed terminal", "pass  # a closed terminal"),
    (INTERRUPTION, "if not isinstance(lost.exc_value, Interrupted):", "if True:"),
    (INTERRUPTION, "if threading.current_thread() is threading.main_thread():", "if True:"),
    (INTERRUPTION, "if signal.getsignal(number) in (", "if signal.SIG_DFL in ("),
    (INTERRUPTION, "signal.setitimer(signal.ITIMER_REAL, 0)", "pass"),
    (INTERRUPTION, "            signal.signal(number, handler)\n\n\n", "            pass\n\n\n"),
    (INTERRUPTION, "raise Interrupted(told[0])", "raise Interrupted(number)"),
    (INTERRUPTION, "sys.stdout or void", "sys.stdout"),
    (INTERRUPTION, "            stack.callback(lasting.flush)", "            pass"),
    (INTERRUPTION, "os.dup2(self.void.fileno(), self.stream.fileno())", "pass"),
    # the campaign itself
    (DISTURBED, "found.get(name) != expected.files.get(name)", "False"),
    (DISTURBED, 'any(out.glob(".*.tmp"))', "False"),
    (DISTURBED, 'raise Wrong(f"{path.name} is half-written: {error}") from error', "pass"),
    (CAMPAIGN, 'return False, f"WRONG', 'return True, f"WRONG'),
    (CAMPAIGN, "right = all(", "right = any("),
    (DISTURBED, "state.numpy().tobytes()", "None"),
    (DISTURBED, "    if process.returncode != status:\n", "    if False:\n"),
]
