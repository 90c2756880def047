"""What the embedded policies of both families share: packed latents, the way to pictures, Euler steps, saving."""

import itertools
import json
from pathlib import Path

import torch
from torch import nn

GRID = 3  # tokens along one side: 48 pixels / (factor 8 * packing 2)
CHANNELS = 16


def pack(latents):
    """[n, 16, 6, 6] to tokens [n, 9, 64], channel = 4·c + 2·dy + dx."""
    n = len(latents)
    latents = latents.reshape(n, CHANNELS, GRID, 2, GRID, 2).permute(0, 2, 4, 1, 3, 5)
    return latents.reshape(n, GRID * GRID, 4 * CHANNELS)


def unpack(tokens):
    n = len(tokens)
    tokens = tokens.reshape(n, GRID, GRID, CHANNELS, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return tokens.reshape(n, CHANNELS, 2 * GRID, 2 * GRID)


class EditPolicy(nn.Module):
    """A transformer with its text encoders and its autoencoder.

    A family adds `inputs` (what its text encoders read of prompts and pictures, as tensors by row), `condition` (those
    to what its transformer reads, as tensors by row), `velocity`, and how its autoencoder is called.
    """

    def load_autoencoder(self, folder):
        """Takes another autoencoder with the same encoder."""
        self.autoencoder = self.open_autoencoder(folder).eval().requires_grad_(False)

    @torch.no_grad()
    def encode(self, pictures):
        """8-bit [n, 48, 48, 3] to normalised tokens [n, 9, 64]."""
        mean, deviation = self.statistics(self.autoencoder)
        result = []
        for part in torch.tensor(pictures).split(200):
            x = part.permute(0, 3, 1, 2).float() / 127.5 - 1
            result.append(pack((self.latents(self.autoencoder, x) - mean) / deviation))
        return torch.cat(result)

    @torch.no_grad()
    def decode(self, tokens):
        """Normalised tokens to 8-bit pictures."""
        mean, deviation = self.statistics(self.autoencoder)
        latents = unpack(tokens) * deviation + mean
        y = torch.cat([self.pixels(self.autoencoder, part) for part in latents.split(200)])
        return ((y.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()

    @torch.no_grad()
    def sample(self, reference, condition, noise, steps):
        """Euler steps from noise [n, 9, 64] to clean tokens."""
        x, schedule = noise, self.sigmas(steps)
        for now, then in itertools.pairwise(schedule):
            x = x + (then - now) * self.velocity(x, reference, condition, now.expand(len(x)))
        return x

    @staticmethod
    def save_part(part, folder, dtype, rename=lambda name: name):
        """Writes one part in another precision; the part itself keeps its own."""
        state = {key: value.clone() for key, value in part.state_dict().items()}
        rounded = {rename(key): value.to(dtype).contiguous() for key, value in state.items()}
        part.to(dtype).save_pretrained(Path(folder), state_dict=rounded)
        part.to(torch.float32).load_state_dict(state)
        config = Path(folder) / "config.json"
        fields = json.loads(config.read_text())
        fields.pop("_name_or_path", None)  # a path of this machine
        write_json(config, fields)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")
