//! Clients and pools, opened once and shared by sources, brokers, stores and sinks.
