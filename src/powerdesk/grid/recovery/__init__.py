"""From prices back to constraints, with as much as is published: each answer says whether the data identify it."""
