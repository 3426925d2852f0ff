//! The storage verbs in an embedded SQLite file.
