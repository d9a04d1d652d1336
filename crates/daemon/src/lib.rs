//! What every process does around its work: settings, the clock, shutdown, health, the metrics page.
