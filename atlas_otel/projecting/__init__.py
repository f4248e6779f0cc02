"""The parts of the projection, records → contract rows. Pure; :mod:`atlas_otel.projection` is the way in."""
