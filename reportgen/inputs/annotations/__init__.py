"""What people marked in the images, in their formats."""
