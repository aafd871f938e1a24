# SPDX-License-Identifier: BSD-2-Clause
"""Gram iteration at every frequency as it is published for deep-learning users (Delattre,
Barthélemy, Araujo, Allauzen, ICML 2023), in batched single-precision PyTorch on one thread.

Peer of bench_conv_norm, which sends one line a request:
  load COUT CIN K N   and the kernel (cout, cin, k, k) in binary doubles; circular input n×n
  run STEPS           answers "SECONDS NORM": processor time and the bound
"""
import sys
import time

import numpy as np
import torch


def gram_iteration(kernel, n, steps):
    if kernel.shape[1] > kernel.shape[0]:
        kernel = kernel.transpose(0, 1)
    symbol = torch.fft.rfft2(kernel, s=(n, n)).permute(2, 3, 0, 1)
    symbol = symbol.reshape(-1, symbol.shape[2], symbol.shape[3])
    log_scale = torch.zeros(symbol.shape[0])
    for _ in range(steps):
        norm = torch.linalg.vector_norm(symbol, dim=(1, 2))
        symbol = symbol / norm[:, None, None]
        log_scale = 2 * (log_scale + torch.log(norm))
        symbol = torch.bmm(symbol.conj().transpose(1, 2), symbol)
    norm = torch.linalg.vector_norm(symbol, dim=(1, 2))
    return float((torch.exp(log_scale / 2**steps) * norm ** (2.0**-steps)).max())


def main():
    torch.set_num_threads(1)
    kernel, n = None, 0
    print("ready", flush=True)
    for line in iter(sys.stdin.buffer.readline, b""):
        words = line.decode().split()
        if words[0] == "load":
            cout, cin, k, n = map(int, words[1:5])
            entries = np.frombuffer(sys.stdin.buffer.read(8 * cout * cin * k * k))
            kernel = torch.from_numpy(entries.reshape(cout, cin, k, k).astype(np.float32))
            print("ready", flush=True)
        else:
            start = time.process_time()
            norm = gram_iteration(kernel, n, int(words[1]))
            print(time.process_time() - start, norm, flush=True)


if __name__ == "__main__":
    main()
