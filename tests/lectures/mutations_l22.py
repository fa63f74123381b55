"""Mutations of the scripts of lectures 22 and 23, for tests/mutations.py."""

LINE, ROOM, GAME, GAN, LOOKS, L23 = (
    f"lectures/{name}.py"
    for name in ("line", "adversarial", "l22_game", "l22_gan", "translation", "l23_translation")
)

MUTATIONS = [
    # line
    (LINE, "return p / (p + p_G)", "return p_G / (p + p_G)"),
    (LINE, "return p / (p + p_G)", "return p / (p + 2 * p_G)"),
    (LINE, "torch.xlogy(p_G, 1 - D)", "torch.xlogy(p_G, D)"),
    (LINE, "m = (p + p_G) / 2", "m = p + p_G"),
    (LINE, "terms.nansum().item() / 2", "terms.nansum().item()"),
    (LINE, "-LOG_4 + 2 * jsd", "-LOG_4 + jsd"),
    (LINE, "(normal / G.slope(z))", "(normal * G.slope(z))"),
    (LINE, "rise = 1 - torch.tanh", "rise = 1 + torch.tanh"),
    (LINE, "return sum(humps) / 2", "return sum(humps)"),
    (LINE, "torch.tensor(DEVIATIONS)[which] * noise", "noise"),
    # adversarial
    (ROOM, "missed = softplus(-real) if", "missed = softplus(real) if"),
    (ROOM, "missed.mean() + softplus(fake).mean()", "missed.mean() + softplus(-fake).mean()"),
    (ROOM, "softplus(-real) + smooth * real", "softplus(-real) - smooth * real"),
    (ROOM, "smooth: float = 0)", "smooth: float = 0.1)"),
    (ROOM, "return -softplus(fake).mean()", "return softplus(fake).mean()"),
    (ROOM, "return softplus(-fake).mean()", "return -softplus(fake).mean()"),
    (ROOM, "torch.cat((noise.to(y.device), y), 1)", "torch.cat((y, noise.to(y.device)), 1)"),
    (ROOM, "momentum=0.0", "momentum=0.1"),
    (ROOM, "else logit + (y * self.match(h)).sum(1)", "else logit"),
    (ROOM, "network.eval().requires_grad_(False)", "network.requires_grad_(False)"),
    (ROOM, "network.eval().requires_grad_(False)", "network.eval()"),
    (ROOM, "network.train().requires_grad_(True)", "network.requires_grad_(True)"),
    (ROOM, "self.score = spectral_norm(nn.Linear(2 * width * 36, 1))",
     "self.score = nn.Linear(2 * width * 36, 1)"),
    (ROOM, "    update_bn(codes, G)\n", ""),
    (ROOM, "(real > 0).float().mean(), (fake < 0)", "(real > 0).float().mean(), (fake > 0)"),
    (ROOM, "drawn.std(0).mean() / x.std(0).mean()", "drawn.std() / x.std()"),
    (ROOM, 'if row["spread"] < ALIKE', 'if row["spread"] > ALIKE'),
    (ROOM, "if logits - logits != 0", "if False"),
    # l22_gan
    (GAN, "    with torch.no_grad():  # to D", "    if True:  # to D"),
    (GAN, "loss = discriminator_loss(real, fake)", "loss = discriminator_loss(fake, real)"),
    (GAN, "loss = loss_fn(fake)", "loss = discriminator_loss(fake, fake)"),
    (GAN, "    with keep_still(D):", "    if True:"),
    (GAN, "    real, fake = D(x, y), D(drawn, y)", "    real, fake = D(x, y), D(drawn, 0 * y)"),
    (GAN, "min(1, 2 * (1 - step / steps))", "1 - step / steps"),
    (GAN, "*logits, drawn = ascend(G, D, up, x, y, draw_code(y))\n"
          "            descend(G, D, down, y, draw_code(y), non_saturating_loss)",
     "z = draw_code(y)\n            *logits, drawn = ascend(G, D, up, x, y, z)\n"
     "            descend(G, D, down, y, z, non_saturating_loss)"),
    (GAN, "generator = torch.Generator().manual_seed(seed)\n", "generator = None\n"),
    (GAN, "(digits.cpu(), read.cpu())", "(digits.cpu(), digits.cpu())"),
    # l22_game
    (GAME, "for _ in range(ALONE):\n        ascend", "for _ in range(0):\n        ascend"),
    (GAME, "loss_fn(logit[None])", "-2 * loss_fn(logit[None])"),
    (GAME, '"saturating": saturating_loss, "non-saturating": non_saturating_loss',
     '"saturating": non_saturating_loss, "non-saturating": saturating_loss'),
    (GAME, "for step in range(STEPS):", "for step in range(STEPS // 10 + 1):"),
    # translation
    (LOOKS, "return largest - least - 1", "return largest - least"),
    (LOOKS, "-max_pool2d(-x, 3, 1, 1)", "max_pool2d(-x, 3, 1, 1)"),
    (LOOKS, "avg_pool2d(x, 4)", "max_pool2d(x, 4)"),
    (LOOKS, "(back(drawn) - x).abs().mean()", "(back(drawn) - x).square().mean()"),
    (LOOKS, "(back(drawn) - x).abs().mean()", "(drawn - x).abs().mean()"),
    (LOOKS, "/ 16  # (N, 1, 8, 8), 0 to 1", "/ 255"),
    (LOOKS, "return x + self.layers(x)", "return 0 * self.layers(x)"),
    # l23_translation
    (L23, "(pair[:, 1:] - x).abs().mean()", "(pair[:, 1:] - x).square().mean()"),
    (L23, "loss + lam * non_saturating_loss(D(pair))", "loss + non_saturating_loss(D(pair))"),
    (L23, "loss + lam * non_saturating_loss(D(pair))", "loss"),
    (L23, "torch.cat((z, x), 1), None, z)", "torch.cat((x, z), 1), None, z)"),
    (L23, "return torch.cat((z, T(z)), 1)", "return torch.cat((z, z), 1)"),
    (L23, "loss + weight * (cycle_loss(S, drawn_b, a) + cycle_loss(T, drawn_a, b))", "loss"),
    (L23, "ascend(S, D_S, up, a, None, b)", "ascend(T, D_T, up, a, None, b)"),
    (L23, "ascend(T, D_T, up, b, None, a)", "ascend(T, D_T, up, a, None, b)"),
    (L23, "(found == labels).float()", "(found != labels).float()"),
]  # fmt: skip
