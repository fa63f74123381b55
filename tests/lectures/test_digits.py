from common.data import Split
from lectures.digits import attach_digits, detach_digits

import torch


def test_a_digit_is_the_one_pixel_of_the_last_row(sample):
    split = attach_digits(sample.test)
    assert split.images.shape == (200, 1, 29, 28)
    assert torch.equal(split.labels, sample.test.labels)
    for image, original, digit in zip(split.images, *sample.test):
        assert torch.equal(image[:, :28], original)
        assert image[0, 28].sum() == 1 and image[0, 28, digit] == 1


def test_what_was_attached_is_detached(sample):
    images, digits = detach_digits(attach_digits(sample.test).images)
    assert torch.equal(images, sample.test.images)
    assert torch.equal(digits, sample.test.labels)
    few = Split(torch.zeros(1, 1, 28, 28), torch.tensor([9]))
    assert detach_digits(attach_digits(few).images)[1].tolist() == [9]
