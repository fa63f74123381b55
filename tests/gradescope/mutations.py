"""Mutations of what makes single files, for tests/mutations.py."""

BLANKS, INLINE, PLAIN = "gradescope/blanks.py", "gradescope/inline.py", "gradescope/plain.py"
SIMPLIFY, ROOM = "gradescope/simplify.py", "gradescope/starters/room.py"
PIECES = "gradescope/pieces.py"

TESTS = {ROOM: "tests/gradescope/test_room.py", PIECES: "tests/gradescope/test_inline.py"}

MUTATIONS = [
    (BLANKS, "max(around", "min(around"),
    (BLANKS, 'match[5].partition(":")[0]', "match[5]"),
    (BLANKS, "{comma}{comment}'", "{comment}'"),
    (INLINE, "early and not found.is_called_by(piece)", "early"),
    (INLINE, "if name in stored:", "if name in ():"),
    (PIECES, "if each.asname:", "if False:"),
    (INLINE, "is not piece or name in imported", "is None"),
    (INLINE, '[0]}" in mentioned', '[0]}" not in mentioned'),
    (INLINE, 'if "GIVEN" in self.script.of:', "if False:"),
    (INLINE, "return stand_in or (", "return ("),
    (INLINE, "[*self.first, m.name].index(m.name)", "0"),
    (PIECES, "and not node.bases:", "and node.bases:"),
    (PIECES, "if early and isinstance", "if isinstance"),
    (SIMPLIFY, "min((b - a, a, b)", "max((b - a, a, b)"),
    (SIMPLIFY, "if known[m[2]]", "if not known[m[2]]"),
    (SIMPLIFY, "len(node.arg.encode())", "len(node.arg)"),
    (SIMPLIFY, "text.split(end)[0]", "text"),
    (SIMPLIFY, "if isinstance(each, ast.AnnAssign) and each.value:", "if False:"),
    (SIMPLIFY, "if function.name in names:", "if False:"),
    (SIMPLIFY, 'most + ("self"', '("self"'),
    (INLINE, "others.get(base, module.of[base])", "module.of[base]"),
    (PLAIN, "if generator else", "if False else"),
    (PLAIN, "sizes.append(len(y))", "sizes.append(1)"),
    (PLAIN, 'if hasattr(sys.stdout, "reconfigure"):', "if False:"),
    (PLAIN, "if not all(map(math.isfinite, numbers)):", "if False:"),
    (PLAIN, "[] if cell else argv", "argv"),
    (PLAIN, "scheduler.step()", "pass"),
    (PLAIN, "torch.set_num_threads(threads)", "pass"),
    (PLAIN, "epochs or self.args.epochs", "self.args.epochs"),
    (PLAIN, "model.train(optimizer is not None)", "model.train()"),
    (PLAIN, "torch.manual_seed(args.seed)", "pass"),
    (PLAIN, "memory_format=torch.channels_last", ""),
    (ROOM, "if isinstance(error, Blank)", "if not isinstance(error, Blank)"),
    (ROOM, "atol=1e-3", "atol=10"),
    (ROOM, "break  # what", "pass  # what"),
    (ROOM, "wrong = 1", "wrong = 0 * wrong"),
    (ROOM, "text, re.M)", "text)"),
    (ROOM, "'^[^#\\n]*", "'^.*"),
    (ROOM, "len(y) * loss_fn(model(x), y).item()", "loss_fn(model(x), y).item()"),
    (ROOM, "optimizer.zero_grad()", "pass"),
    (ROOM, "model.eval()", "model.train()"),
    (ROOM, "manual_seed(args.seed), []", "manual_seed(0), []"),
    (ROOM, "if not np.isfinite(losses[-1]):", "if False:"),
]
