//! What a sink of MySQL and MariaDB promises beyond the contract of every sink.
