//! The keys of the database, all in one place.
