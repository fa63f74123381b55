"""Mutations of the report, for tests/mutations.py; all are noticed without the extra, too."""

REPORT = "gradescope/report.py"

MUTATIONS = [
    (REPORT, "is_mine = script in runs and own.exists()", "is_mine = script in runs"),
    (REPORT, "own if is_mine else folder / file", "folder / file"),
    (REPORT, "str(is_mine).lower()", "'false'"),
    (REPORT, "(?!https?:|#)", "(?!https?:)"),
    (REPORT, r"(?<!!)\[([^\]]+)\]", r"(?<!!)\[([^\]\n]+)\]"),
    (REPORT, r'.strip("|- \n")', r'.strip("\n")'),
    (REPORT, "for row in rows if row]", "for row in rows[:1]]"),
    (REPORT, 're.sub("<!--.*?-->", ""', 're.sub("<!--.*-->", ""'),
    (REPORT, "except (LookupError, TypeError, ValueError):  #", "except KeyError:  #"),
    (REPORT, 'removeprefix("# ")', 'removeprefix("")'),
    (REPORT, 'LINK.sub(r"\\1", adapt_formulas(text))', "adapt_formulas(text)"),
    (REPORT, "{quote(f'({match[2]})')}", "{quote('(1)')}"),
    (REPORT, "((?:(?!\\$\\$).)+?)", "(.+?)"),
    (REPORT, "return json.dumps(text, ensure_ascii=False)", "return json.dumps(text)"),
    (REPORT, "return json.dumps(text, ensure_ascii=False)", "return f'\"{text}\"'"),
    (REPORT, "if script not in scripts:", "if False:"),
    (REPORT, "except (OSError, TypeError, ValueError) as", "except OSError as"),
    (REPORT, 'SETTINGS = ("epochs",', 'SETTINGS = ("data", "epochs",'),
    (REPORT, r'.replace(r"\;", r"\,\,")', ""),
    (REPORT, "[Bb]ig([lr])", "Big([lr])"),
    (REPORT, "except (ImportError, OSError) as", "except OSError as"),
]
