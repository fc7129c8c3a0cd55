//! Collector: what the device is and what is installed on it.
