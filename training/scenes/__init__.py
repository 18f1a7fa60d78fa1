"""Product pictures with an exact alpha, made in Blender: the sample catalogue and training renders.

One unit of length is 10 cm everywhere; z is up; products stand on z = 0 and face -y, the camera.
"""
