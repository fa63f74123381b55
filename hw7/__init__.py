"""HW7: unsupervised learning on MNIST."""
