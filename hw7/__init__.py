"""HW7: unsupervised learning on MNIST."""

# What the starting files leave to the students, by question: see common/submission.py.
ASKED = {
    "kmeans": [
        "KMeans.__init__",
        "KMeans.forward",
        "mean_over_pixels",
        "train",
        "scores",  # as in the forward pass
        # (a): the gradient of the softmax holds the forward pass, too
        "ArgmaxKMeans.forward",
        "gradient",
        "formula_step",
        # (b)
        "digit_images",
        "contingency",
        # (c)
        "uniform",
        "uniform_grey",
        "uniform_pixelwise",
        # the appendix
        "bias_squared",
        "variance",
        "balancing_eta",
    ],
    # The judge of the digits is given, HW6's classifier and the mixture of Gaussians included: no
    # part asks for them. Not so what they share with what is asked: the encoder, which the handout
    # lists layer by layer, is made of HW6's `stages`, and the mixture of Question 1's `scores`.
    "autoencoder": [
        "stages",
        "Autoencoder.__init__",
        "after_linear",
        # (a)
        "sketch",
        # (b)
        "Autoencoder.forward",
        "Autoencoder.draw",
        "elbo",
        "generate",
        "scores",
        # (c): one way to better digits; parts (a) and (b) do without
        "Variational.__init__",
        "Variational.posterior",
        "Variational.forward",
        "Variational.draw",
        "calibrated_elbo",
        "divergence",
        "part_c",
    ],
}
