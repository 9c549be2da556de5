//! What every engagement store promises.
