"""Mutations of what makes training fast, for tests/mutations.py."""

LAYERS = "common/layers.py"
CPU = "common/cpu.py"

MUTATIONS = [
    (LAYERS, "draws.random_(-(2**63), None)", "draws.random_()"),
    (LAYERS, "round(self.p * 2**16)", "round((1 - self.p) * 2**16)"),
    (LAYERS, "lanes.ge_(dropped - 2**15)", "lanes.ge_(dropped)"),
    (LAYERS, ".div_(1 - self.p)", ".div_(self.p)"),
    (LAYERS, ".to(x.dtype).div_(1 - self.p)", ".to(x.dtype)"),
    (LAYERS, "if not self.training or ", "if "),
    (LAYERS, "or self.inplace ", ""),
    (LAYERS, "or dropped in (0, 2**16) ", ""),
    (LAYERS, ' or x.device.type != "cpu":', ":"),
    (LAYERS, "-(-x.numel() // 4)", "x.numel() // 4"),
    (LAYERS, " and self.scale_factor == 2 ", " "),
    (LAYERS, " and not self.align_corners", ""),
    (LAYERS, 'self.mode == "bicubic" and ', ""),
    (LAYERS, " and height * width <= LARGEST", ""),
    (LAYERS, "doubling and exact and ", "doubling and "),
    (LAYERS, "(2 * height, 2 * width))  #", "(2 * width, 2 * height))  #"),
    (LAYERS, 'mode="bicubic").flatten(1)', 'mode="bilinear").flatten(1)'),
    (LAYERS, "@torch.inference_mode(False)", "@torch.inference_mode()"),
    (CPU, "threads or torch.get_num_threads()", "torch.get_num_threads()"),
    (CPU, "set_flush_denormal(True)", "set_flush_denormal(False)"),
    (CPU, '.libc_ver()[0] == "glibc"', '.libc_ver()[0] != "glibc"'),
    (CPU, "libc.mallopt(M_MMAP_THRESHOLD, 32 * MIB)", "pass"),
    (CPU, "libc.mallopt(M_TRIM_THRESHOLD, 1024 * MIB)", "pass"),
]
