"""Lecture 24's one to many: letters in step, by torch's own cell; the end."""

from lectures.speller import LETTERS, LONGEST, NAMES, NOT_SCORED, Speller, encode_names, spell

import pytest
import torch
from torch.nn.functional import one_hot


@pytest.fixture
def model() -> Speller:
    torch.manual_seed(0)
    return Speller(8)


def test_the_names_as_letters():
    rows = encode_names()
    assert rows.shape == (10, LONGEST)
    assert "".join(LETTERS[i] for i in rows[3]) == "three."
    assert rows[1].tolist() == [*(LETTERS.index(c) for c in "one."), NOT_SCORED, NOT_SCORED]


def test_the_loss_is_of_each_letter_given_the_right_ones_before(model):
    images, labels = torch.rand(4, 1, 28, 28), torch.tensor([1, 3, 0, 9])
    total, count = 0.0, 0
    cell = torch.nn.LSTMCell(len(LETTERS), 8)
    for name, weight in cell.named_parameters():
        weight.data = getattr(model.layer, f"{name}_l0").data
    for i, label in enumerate(labels):
        y, s = (each[:, i] for each in model.begin(images))
        before = 0
        for letter in NAMES[label] + ".":
            y, s = cell(one_hot(torch.tensor([before]), len(LETTERS)).float(), (y, s))
            before = LETTERS.index(letter)
            total -= model.out(y).log_softmax(1)[0, before].item()
            count += 1
    assert model.loss(images, labels).item() == pytest.approx(total / count, rel=1e-5)


def test_the_first_state_and_output_are_the_image_s(model):
    y, s = model.begin(torch.rand(3, 1, 28, 28))
    assert y.shape == (1, 3, 8)
    torch.testing.assert_close(y, torch.tanh(s))


def test_spelling_feeds_back_what_was_said(model):
    images = torch.rand(3, 1, 28, 28)
    for image, name in zip(images, spell(model, images)):
        past, fed = model.begin(image[None]), torch.zeros(1, 1, dtype=torch.long)
        said = ""
        while len(said) < LONGEST:
            logits, past = model.read_out(fed, past)
            fed = logits.argmax(2)
            if not fed:
                break
            said += LETTERS[fed]
        assert name == said


def test_it_learns_a_batch(model):
    torch.manual_seed(1)
    model = Speller(32)
    images, labels = torch.rand(10, 1, 28, 28), torch.arange(10)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(120):
        loss = model.loss(images, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert spell(model, images) == list(NAMES)
