"""The parts of the projection, records → contract rows. Pure; :mod:`atlas_otel.projection.project` is the way in."""
